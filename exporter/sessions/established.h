// The counters behind pg_tls_established_sessions_total and pg_tls_sampled_sessions_total: how many sessions there were
// by the server's own statistics, and how many of them sampling saw.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/base/digest.h"
#include "exporter/sessions/own_sessions.h"
#include "exporter/sessions/seen_sessions.h"
#include "exporter/sessions/session_counter.h"
#include "exporter/sessions/statistics.h"

namespace pgtls::sessions {

struct EstablishedSeries {
  std::string database;  // kOther if the cap folded it
  std::uint64_t established = 0;
  std::uint64_t sampled = 0;
  // What `established` will be once the server's statistics have every session of the exporter that is known already:
  // lower than `established` in between.
  std::int64_t exact = 0;
  std::size_t pending = 0;  // logins of the exporter that may be in `exact` as if they were another client's
  bool exists = true;       // the database, at the last collection
};

// How often the server's statistics may have lost sessions that no collection had counted.
struct StatisticsLosses {
  std::uint64_t restarts = 0;  // after a crash; another server that has just been started looks the same
  std::uint64_t resets = 0;    // also by the crash of a session
  std::uint64_t dropped_databases = 0;
};

// Counts from the first collection on, at which every database begins with 0. No series ever decreases, and the
// exporter's own sessions are in none. A reset of the statistics, or a crash, which has the same effect, costs the
// sessions between the last collection and the reset, and nothing else, unless only the time of the reset shows it.
// Servers are told apart as by SessionCounter, which counts their changes.
//
// Lives as long as the server is configured. Not thread-safe.
class EstablishedCounter {
 public:
  // The exporter's own sessions on a server, at the time of the call.
  using OwnOf = std::function<OwnSessionsByDatabase(std::int64_t postmaster_start_us)>;

  // One collection. At most collection.max_series databases have series of their own; the rest share one.
  void Read(const Collection& collection, const Statistics& statistics, const OwnOf& own_of);
  // Sessions that began after the first collection, and none of the exporter's, are seen for the first time. Ignored in
  // a first collection from a server. REQUIRES: Read() was called for this collection.
  void See(std::string_view database, std::size_t sessions);

  // By database.
  const std::vector<EstablishedSeries>& series() const { return series_; }
  const SeenSessions& last_hour() const { return last_hour_; }
  const StatisticsLosses& losses() const { return losses_; }
  // Of all that the last Read() determined.
  void DigestRead(Digester& digester) const;

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  // A database at the last collection.
  struct Database {
    DatabaseStatistics statistics;
    std::uint64_t own_account = 0;
    std::uint64_t own_total = 0;
    std::uint64_t own_misplaced = 0;  // of the exporter's, under the postmaster before this one
    // A reset may have lost what began before: it is not subtracted, even if it becomes known later.
    TimePoint baseline = TimePoint::min();
  };
  struct Server {
    std::int64_t postmaster_start_us;
    std::int64_t began_us;            // Statistics::began_us
    std::vector<Database> databases;  // by oid
    bool is_first = false;            // nothing is known of it from before
    // The first statistics have each login of the exporter that was over by then, even if its server became known
    // later.
    TimePoint baseline = TimePoint::min();
    // The postmaster that this one replaced. Until the exporter has noticed the restart, its logins are expected to be
    // to that one. 0: none.
    std::int64_t predecessor_us = 0;
  };
  struct Minute {
    TimePoint begin;
    std::uint64_t established = 0;
    std::uint64_t sampled = 0;
  };

  Server& ServerOf(const Statistics& statistics, const OwnOf& own_of);
  void ContinueAfterRestart(Server& server, const OwnSessionsByDatabase& own_before);
  std::uint64_t Misplaced(const OwnSessions& own) const;
  void Settle();
  // By oid; end() if it is not there.
  static std::vector<Database>::const_iterator Find(const std::vector<Database>& databases, std::int64_t oid);
  void CountLosses(const Server& server, const Statistics& statistics, const std::vector<Database>& now);
  std::int64_t NewSessions(const Server& server, const Statistics& statistics, Database& now, const OwnSessions& own,
                           EstablishedSeries& series) const;
  TimePoint TimeOf(std::int64_t server_us) const;
  TimePoint TimeOfStatistics(const Statistics& statistics) const;
  OwnSessions OwnAt(const Statistics& statistics, const OwnSessions* own) const;
  EstablishedSeries& SeriesOf(std::string_view database);
  Minute& CurrentMinute();
  void SumHour();

  std::vector<Server> servers_;  // the one of this collection last
  Collection collection_;
  std::optional<TimePoint> began_;
  std::vector<EstablishedSeries> series_;
  std::deque<Minute> minutes_;      // of the last hour, without those that had no session
  std::uint64_t past_minutes_ = 0;  // that left `minutes_`
  SeenSessions last_hour_;
  StatisticsLosses losses_;
};

}  // namespace pgtls::sessions
