#include "exporter/sessions/session_counter.h"

#include <algorithm>
#include <string_view>
#include <tuple>

#include "exporter/sessions/series_cap.h"

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

  SessionSeries& series = Series(session, network, encryption);
  if (is_first_ || session.backend_start_us <= *first_us_) return;
  ++series.sessions;
  if (series.database == kOther && series.user == kOther) ++folded_;
  if (encryption == Encryption::kNone && network != Network::kLocal) ++unencrypted_[{network, allowed}];
}

void SessionCounter::EndCollection() {
  std::erase_if(open_, [](const Open& session) { return !session.seen; });
  Merge();
  series_.shrink_to_fit();
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
  came_ = std::vector<Open>();  // `= {}` would keep its memory
}

SessionSeries& SessionCounter::Series(const Session& session, Network network, Encryption encryption) {
  using Key = std::tuple<std::string_view, std::string_view, Network, Encryption>;
  const auto key_of = [](const SessionSeries& series) {
    return Key(series.database, series.user, series.network, series.encryption);
  };
  Key key(session.database, session.user, network, encryption);
  auto at = std::ranges::lower_bound(series_, key, {}, key_of);
  if (at != series_.end() && key_of(*at) == key) return *at;
  if (named_ < max_series_) {
    ++named_;
  } else {
    key = Key(kOther, kOther, network, encryption);
    at = std::ranges::lower_bound(series_, key, {}, key_of);
    if (at != series_.end() && key_of(*at) == key) return *at;
  }
  const auto& [database, user, _, _2] = key;
  return *series_.insert(at, {std::string(database), std::string(user), network, encryption});
}

}  // namespace pgtls::sessions
