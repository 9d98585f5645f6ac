#include "exporter/sessions/session_counter.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace pgtls::sessions {

void SessionCounter::StartCollection(std::int64_t now_us, std::size_t max_series) {
  max_series_ = max_series;
  is_first_ = !first_us_;
  if (is_first_) first_us_ = now_us;
  Merge();
  for (Open& session : open_) session.seen = false;
}

void SessionCounter::Count(const Session& session, Network network, Encryption encryption, bool allowed) {
  const Open now = {session.backend_start_us, session.pid, true};
  if (Open* const before = Find(session.pid)) {
    const bool known = before->backend_start_us == session.backend_start_us;
    *before = now;
    if (known) return;
  } else {
    came_.push_back(now);
  }

  const auto series = Series(session, network, encryption);
  if (is_first_ || session.backend_start_us <= *first_us_) return;
  ++series->second;
  if (series->first[0] == kOther && series->first[1] == kOther) ++folded_;
  if (encryption == Encryption::kNone && network != Network::kLocal) ++unencrypted_[{network, allowed}];
}

void SessionCounter::EndCollection() {
  std::erase_if(open_, [](const Open& session) { return !session.seen; });
  Merge();
}

SessionCounter::Open* SessionCounter::Find(int pid) {
  const auto at = std::ranges::lower_bound(open_, pid, {}, &Open::pid);
  return at != open_.end() && at->pid == pid ? &*at : nullptr;
}

void SessionCounter::Merge() {
  if (came_.empty()) return;
  open_.insert(open_.end(), came_.begin(), came_.end());
  std::ranges::sort(open_, {}, &Open::pid);
  open_.shrink_to_fit();
  came_ = {};
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
