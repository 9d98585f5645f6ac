#include "exporter/sessions/session_counter.h"

#include <array>
#include <string_view>

namespace pgtls::sessions {

void SessionCounter::StartCollection(std::int64_t now_us, std::size_t max_series) {
  ++collection_;
  max_series_ = max_series;
  if (!first_us_) first_us_ = now_us;
}

void SessionCounter::Count(const Session& session, Network network, Encryption encryption, bool allowed) {
  const auto [seen, is_new_pid] = open_.try_emplace(session.pid, Seen{session.backend_start_us, collection_});
  const bool known = !is_new_pid && seen->second.backend_start_us == session.backend_start_us;
  seen->second = {session.backend_start_us, collection_};
  if (known) return;

  const auto series = Series(session, network, encryption);
  if (collection_ == 1 || session.backend_start_us <= *first_us_) return;
  ++series->second;
  if (series->first[0] == kOther && series->first[1] == kOther) ++folded_;
  if (encryption == Encryption::kNone && network != Network::kLocal) ++unencrypted_[{network, allowed}];
}

void SessionCounter::EndCollection() {
  std::erase_if(open_, [this](const auto& entry) { return entry.second.collection != collection_; });
}

Tally::Counts::iterator SessionCounter::Series(const Session& session, Network network, Encryption encryption) {
  std::array<std::string_view, 4> labels = {session.database, session.user, ToString(network), ToString(encryption)};
  const auto named = sessions_.find(LabelViews(labels));
  if (named != sessions_.end()) return named;
  if (named_ < max_series_) {
    ++named_;
  } else {
    labels[0] = labels[1] = kOther;
  }
  return sessions_.try_emplace(Labels(labels.begin(), labels.end()), 0).first;
}

}  // namespace pgtls::sessions
