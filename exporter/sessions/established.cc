#include "exporter/sessions/established.h"

#include <algorithm>
#include <utility>

#include "exporter/metrics/series_cap.h"

namespace pgtls::sessions {
namespace {

using std::chrono::microseconds;
using std::chrono::minutes;

constexpr std::size_t kRememberedServers = 4;
constexpr minutes kHour{60};
constexpr minutes kQuarter{15};

// Whether `now` counts from another zero than `before`. The counter of the commits grows with every query: it is lower
// after a reset even if there have been more sessions since.
bool IsReset(const DatabaseStatistics& before, const DatabaseStatistics& now) {
  return now.sessions < before.sessions || now.commits < before.commits;
}

// PostgreSQL also sets the time when the statistics of one table are reset, and 14 when a database gets its first
// session.
bool MayBeReset(const DatabaseStatistics& before, const DatabaseStatistics& now) {
  const bool was_empty = before.sessions == 0 && before.commits == 0;
  return IsReset(before, now) || (now.reset_us != before.reset_us && !was_empty);
}

}  // namespace

void EstablishedCounter::Read(const Collection& collection, const Statistics& statistics, const OwnOf& own_of) {
  collection_ = collection;
  if (!began_) began_ = collection.asked;
  for (EstablishedSeries& series : series_) {
    series.exists = std::ranges::find(statistics.databases, series.database, &DatabaseStatistics::name) !=
                    statistics.databases.end();
    series.pending = 0;
  }
  const OwnSessionsByDatabase own_by_name = own_of(collection.postmaster_start_us);
  Server& server = ServerOf(statistics, own_of);
  const OwnSessionsByDatabase misplaced =
      server.predecessor_us == 0 ? OwnSessionsByDatabase() : own_of(server.predecessor_us);
  std::vector<Database> databases;
  databases.reserve(statistics.databases.size());
  for (const DatabaseStatistics& database : statistics.databases) {
    const auto found = own_by_name.find(database.name);
    const OwnSessions own = OwnAt(statistics, found == own_by_name.end() ? nullptr : &found->second);
    Database& now = databases.emplace_back(database, own.account, own.total);
    EstablishedSeries& series = SeriesOf(database.name);
    series.exists = true;
    series.pending += own.pending;
    if (const auto earlier = misplaced.find(database.name); earlier != misplaced.end()) {
      now.own_misplaced = Misplaced(earlier->second);
      series.pending += earlier->second.pending;
    }
    series.exact += NewSessions(server, statistics, now, own, series);
  }
  std::ranges::sort(databases, {}, [](const Database& database) { return database.statistics.oid; });
  CountLosses(server, statistics, databases);
  server.databases = std::move(databases);
  server.began_us = statistics.began_us;
  for (EstablishedSeries& series : series_) {
    const std::int64_t certain = series.exact - static_cast<std::int64_t>(series.pending);
    if (certain <= static_cast<std::int64_t>(series.established)) continue;
    CurrentMinute().established += static_cast<std::uint64_t>(certain) - series.established;
    series.established = static_cast<std::uint64_t>(certain);
  }
  SumHour();
}

// As SessionCounter does it.
EstablishedCounter::Server& EstablishedCounter::ServerOf(const Statistics& statistics, const OwnOf& own_of) {
  const auto known = std::ranges::find(servers_, collection_.postmaster_start_us, &Server::postmaster_start_us);
  if (known != servers_.end()) {
    known->is_first = false;
    if (known + 1 != servers_.end()) Settle();
    std::rotate(known, known + 1, servers_.end());
    return servers_.back();
  }
  Server server{.postmaster_start_us = collection_.postmaster_start_us, .began_us = statistics.began_us};
  const bool is_restart = !servers_.empty() && StartedSince(collection_);
  if (is_restart && servers_.back().began_us == statistics.began_us) {
    ContinueAfterRestart(server, own_of(servers_.back().postmaster_start_us));
  } else {
    Settle();
    if (is_restart) ++losses_.restarts;
    // After a crash the statistics begin with the new postmaster. Otherwise they have sessions of another time.
    server.is_first = !is_restart || statistics.began_us < collection_.postmaster_start_us;
    if (server.is_first) server.baseline = TimeOfStatistics(statistics);
  }
  if (is_restart && !server.is_first) server.predecessor_us = servers_.back().postmaster_start_us;
  if (servers_.size() == kRememberedServers) servers_.erase(servers_.begin());
  return servers_.emplace_back(std::move(server));
}

// The server kept its statistics. They have the exporter's sessions until the end of the old postmaster, too.
void EstablishedCounter::ContinueAfterRestart(Server& server, const OwnSessionsByDatabase& own_before) {
  server.databases = servers_.back().databases;
  for (Database& database : server.databases) {
    const auto own = own_before.find(database.statistics.name);
    if (own != own_before.end()) {
      const std::uint64_t known = own->second.account == database.own_account ? database.own_total : 0;
      SeriesOf(database.statistics.name).exact -=
          static_cast<std::int64_t>(own->second.total - known - Misplaced(own->second));
    }
    database.own_account = 0;
    database.own_total = 0;
    database.own_misplaced = 0;
  }
}

// Of the exporter's sessions under an earlier postmaster, those that began after the start of this one.
std::uint64_t EstablishedCounter::Misplaced(const OwnSessions& own) const {
  const TimePoint start = TimeOf(collection_.postmaster_start_us);
  return static_cast<std::uint64_t>(
      std::ranges::count_if(own.recent, [start](const OwnLogin& login) { return login.began >= start; }));
}

// The statistics are others from here on: what they do not have by now of the exporter's sessions, they will never
// have, and a login that was in progress will not be subtracted any more.
void EstablishedCounter::Settle() {
  for (EstablishedSeries& series : series_) {
    series.exact = static_cast<std::int64_t>(series.established);
  }
}

std::vector<EstablishedCounter::Database>::const_iterator EstablishedCounter::Find(
    const std::vector<Database>& databases, std::int64_t oid) {
  const auto at =
      std::ranges::lower_bound(databases, oid, {}, [](const Database& database) { return database.statistics.oid; });
  return at != databases.end() && at->statistics.oid == oid ? at : databases.end();
}

void EstablishedCounter::CountLosses(const Server& server, const Statistics& statistics,
                                     const std::vector<Database>& now) {
  bool is_reset = statistics.began_us != server.began_us;
  bool is_dropped = false;
  for (const Database& before : server.databases) {
    const auto at = Find(now, before.statistics.oid);
    if (at == now.end()) {
      is_dropped = true;
    } else if (MayBeReset(before.statistics, at->statistics)) {
      is_reset = true;
    }
  }
  if (is_reset) ++losses_.resets;
  if (is_dropped) ++losses_.dropped_databases;
}

// Since the last collection, without the exporter's own.
std::int64_t EstablishedCounter::NewSessions(const Server& server, const Statistics& statistics, Database& now,
                                             const OwnSessions& own, EstablishedSeries& series) const {
  if (server.is_first) return 0;
  const auto at = Find(server.databases, now.statistics.oid);
  const bool is_known = at != server.databases.end();
  // One that was dropped and created again has another oid.
  const auto before = is_known ? at : std::ranges::find(server.databases, now.statistics.name, [](const Database& one) {
    return std::string_view(one.statistics.name);
  });
  const bool same_account = before != server.databases.end() && before->own_account == own.account;
  auto own_new = static_cast<std::int64_t>(own.total - (same_account ? before->own_total : 0));
  const auto placed = std::clamp<std::int64_t>(own_new, 0, static_cast<std::int64_t>(own.recent.size()));
  if (is_known) now.baseline = before->baseline;
  const TimePoint baseline = std::max(server.baseline, now.baseline);
  own_new -= std::count_if(own.recent.end() - placed, own.recent.end(),
                           [baseline](const OwnLogin& login) { return login.began <= baseline; });
  // They are forgotten after a while.
  const std::uint64_t misplaced_before = before != server.databases.end() ? before->own_misplaced : 0;
  now.own_misplaced = std::max(now.own_misplaced, misplaced_before);
  own_new += static_cast<std::int64_t>(now.own_misplaced - misplaced_before);
  if (before == server.databases.end()) return now.statistics.sessions - own_new;
  const std::int64_t growth = now.statistics.sessions - before->statistics.sessions - own_new;
  if (is_known && !MayBeReset(before->statistics, now.statistics)) return growth;
  now.baseline = TimeOfStatistics(statistics);
  if (series.database != metrics::kOther) series.exact = static_cast<std::int64_t>(series.established);
  if (is_known && !IsReset(before->statistics, now.statistics)) return std::max<std::int64_t>(0, growth);
  std::optional<std::int64_t> reset_us;
  if (is_known && now.statistics.reset_us != before->statistics.reset_us) reset_us = now.statistics.reset_us;
  if (is_known && !reset_us && statistics.began_us != server.began_us) reset_us = statistics.began_us;
  if (!reset_us) return std::max<std::int64_t>(0, now.statistics.sessions - own_new);
  const TimePoint reset = TimeOf(*reset_us);
  const auto own_since =
      std::ranges::count_if(own.recent, [reset](const OwnLogin& login) { return login.began >= reset; });
  return now.statistics.sessions - std::min<std::int64_t>(own_new, own_since);
}

// By the exporter's clock.
EstablishedCounter::TimePoint EstablishedCounter::TimeOf(std::int64_t server_us) const {
  return collection_.asked - microseconds(collection_.now_us - server_us);
}

EstablishedCounter::TimePoint EstablishedCounter::TimeOfStatistics(const Statistics& statistics) const {
  return statistics.taken_us ? TimeOf(*statistics.taken_us) : collection_.answered;
}

// The statistics may be older than a login. The server counts it a moment before its answer arrives here, so they may
// have it all the same.
OwnSessions EstablishedCounter::OwnAt(const Statistics& statistics, const OwnSessions* own) const {
  if (own == nullptr) return {};
  OwnSessions result = *own;
  if (!statistics.taken_us) return result;
  const TimePoint taken = TimeOf(*statistics.taken_us);
  const std::size_t later =
      std::erase_if(result.recent, [taken](const OwnLogin& login) { return login.known > taken; });
  result.total -= later;
  result.pending += later;
  return result;
}

void EstablishedCounter::See(std::string_view database, std::size_t sessions) {
  if (servers_.back().is_first) return;
  SeriesOf(database).sampled += sessions;
  CurrentMinute().sampled += sessions;
  last_hour_.sampled += sessions;
}

EstablishedSeries& EstablishedCounter::SeriesOf(std::string_view database) {
  const auto find = [&](std::string_view name) {
    return std::ranges::lower_bound(series_, name, {},
                                    [](const EstablishedSeries& series) { return std::string_view(series.database); });
  };
  auto at = find(database);
  if (at != series_.end() && at->database == database) return *at;
  const bool has_other =
      std::ranges::any_of(series_, [](const EstablishedSeries& series) { return series.database == metrics::kOther; });
  if (series_.size() - (has_other ? 1 : 0) >= collection_.max_series) {
    const auto gone = std::ranges::find_if(
        series_, [](const EstablishedSeries& series) { return !series.exists && series.database != metrics::kOther; });
    if (gone != series_.end()) {
      series_.erase(gone);
    } else {
      database = metrics::kOther;
    }
    at = find(database);
    if (at != series_.end() && at->database == database) return *at;
  }
  return *series_.insert(at, {.database = std::string(database)});
}

EstablishedCounter::Minute& EstablishedCounter::CurrentMinute() {
  if (minutes_.empty() || minutes_.back().begin + minutes(1) <= collection_.asked) {
    minutes_.push_back({.begin = collection_.asked});
  }
  return minutes_.back();
}

void EstablishedCounter::SumHour() {
  while (!minutes_.empty() && minutes_.front().begin + kHour <= collection_.asked) {
    minutes_.pop_front();
    ++past_minutes_;
  }
  last_hour_ = {};
  for (const Minute& minute : minutes_) {
    last_hour_.established += minute.established;
    last_hour_.sampled += minute.sampled;
  }
  const auto observed = std::chrono::floor<minutes>(collection_.asked - *began_);
  last_hour_.observed = std::min(kHour, observed / kQuarter * kQuarter);
}

void EstablishedCounter::DigestRead(Digester& digester) const {
  for (const EstablishedSeries& series : series_) {
    digester.Text(series.database);
    digester.Number(series.established);
  }
  digester.Number(past_minutes_);
  digester.Number(losses_.restarts);
  digester.Number(losses_.resets);
  digester.Number(losses_.dropped_databases);
  digester.Number(last_hour_.observed.count());
}

}  // namespace pgtls::sessions
