#include "exporter/sessions/session_counter.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <tuple>

#include "exporter/metrics/series_cap.h"

namespace pgtls::sessions {
namespace {

constexpr std::size_t kFormerServers = 3;  // that are remembered

bool IsUnencryptedTcp(Network network, std::optional<Encryption> encryption) {
  return encryption == Encryption::kNone && network != Network::kLocal;
}

bool IsFolded(const SessionSeries& series) {
  return series.database == metrics::kOther && series.user == metrics::kOther;
}

}  // namespace

// Two durations, each by one clock: how long the postmaster has been running, and how long ago the collection before
// was.
bool StartedSince(const Collection& collection) {
  if (!collection.previous) return false;
  const std::chrono::microseconds uptime(collection.now_us - collection.postmaster_start_us);
  return uptime <= collection.asked - *collection.previous;
}

void SessionCounter::StartCollection(const Collection& collection) {
  Merge();
  collection_ = collection;
  const auto known = std::ranges::find(servers_, collection.postmaster_start_us, &Seen::postmaster_start_us);
  is_first_ = known == servers_.end() && !StartedSince(collection);
  const bool is_former = collection.servers == 1 && known != servers_.end() && known + 1 != servers_.end();
  if (collection.previous && (is_first_ || is_former)) ++server_changes_;
  if (known != servers_.end()) {
    std::rotate(known, known + 1, servers_.end());
  } else {
    while (servers_.size() >= kFormerServers + collection.servers) servers_.erase(servers_.begin());
    constexpr auto kAll = std::numeric_limits<std::int64_t>::min();
    servers_.push_back({collection.postmaster_start_us, is_first_ ? collection.now_us : kAll, {}});
  }
  for (Open& session : servers_.back().open) session.seen = false;
}

bool SessionCounter::Count(const Session& session, Network network, std::optional<Encryption> encryption,
                           bool allowed) {
  const Open now = {session.backend_start_us, session.id, true};
  if (Open* const before = Find(session.id)) {
    const bool known = before->backend_start_us == session.backend_start_us;
    *before = now;
    if (known) return false;
  } else {
    new_.push_back(now);
  }

  SessionSeries& series = Series(session, network, encryption);
  if (is_first_ || session.backend_start_us <= servers_.back().counts_after_us) return false;
  ++series.sessions;
  series.last_counted = collection_.asked;
  if (IsFolded(series)) ++folded_;
  if (IsUnencryptedTcp(network, encryption)) ++unencrypted_[{network, allowed}];
  return true;
}

void SessionCounter::EndCollection() {
  std::erase_if(servers_.back().open, [](const Open& session) { return !session.seen; });
  Merge();
  series_.shrink_to_fit();
}

SessionCounter::Open* SessionCounter::Find(std::int64_t id) {
  auto& open = servers_.back().open;
  const auto at = std::ranges::lower_bound(open, id, {}, &Open::id);
  return at != open.end() && at->id == id ? &*at : nullptr;
}

void SessionCounter::Merge() {
  if (new_.empty()) return;
  auto& open = servers_.back().open;
  open.insert(open.end(), new_.begin(), new_.end());
  std::ranges::sort(open, {}, &Open::id);
  open.shrink_to_fit();
  new_ = std::vector<Open>();  // `= {}` would keep its memory
}

// Whether one more label set may have a series of its own. Unencrypted sessions have a cap of
// their own: their names matter most, and encrypted sessions must not use them up.
bool SessionCounter::MakeRoom(bool unencrypted) {
  std::size_t named = 0;
  auto idle = series_.end();
  for (auto series = series_.begin(); series != series_.end(); ++series) {
    if (IsFolded(*series) || IsUnencryptedTcp(series->network, series->encryption) != unencrypted) continue;
    ++named;
    if (idle == series_.end() || series->last_counted < idle->last_counted) idle = series;
  }
  if (named < collection_.max_series) return true;
  if (named > collection_.max_series || idle == series_.end()) return false;
  if (collection_.asked - idle->last_counted < kIdle) return false;
  series_.erase(idle);
  return true;
}

SessionSeries& SessionCounter::Series(const Session& session, Network network, std::optional<Encryption> encryption) {
  using Key = std::tuple<std::string_view, std::string_view, Network, std::optional<Encryption>>;
  const auto key_of = [](const SessionSeries& series) {
    return Key(series.database, series.user, series.network, series.encryption);
  };
  const auto find = [&](const Key& key) { return std::ranges::lower_bound(series_, key, {}, key_of); };
  Key key(session.database, session.user, network, encryption);
  auto at = find(key);
  if (at != series_.end() && key_of(*at) == key) return *at;
  if (!MakeRoom(IsUnencryptedTcp(network, encryption))) {
    key = Key(metrics::kOther, metrics::kOther, network, encryption);
    at = find(key);
    if (at != series_.end() && key_of(*at) == key) return *at;
  }
  const auto& [database, user, _, _2] = key;
  return *series_.insert(find(key),
                         {std::string(database), std::string(user), network, encryption, 0, collection_.asked});
}

}  // namespace pgtls::sessions
