// How many sessions there have been: the counters behind pg_tls_sessions_total and pg_tls_unencrypted_sessions_total.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "exporter/sessions/session.h"

namespace pgtls::sessions {

// How many sessions of one label set there have been. Of a folded series both names are kOther.
struct SessionSeries {
  std::string database;
  std::string user;
  Network network;
  Encryption encryption;
  std::size_t sessions = 0;
  std::chrono::steady_clock::time_point last_counted;  // or when the series began
};

// One collection, as the server and the exporter's own clock describe it.
struct Collection {
  // Both by the server's clock, in microseconds since the epoch; `now_us` is not later than the snapshot of the
  // sessions. The start of the postmaster identifies the server: an address or a name may lead to another one today.
  std::int64_t now_us = 0;
  std::int64_t postmaster_start_us = 0;
  // The exporter's clock. The sessions of the collection before this one were read no later than `previous`; absent for
  // the first collection.
  std::chrono::steady_clock::time_point asked;
  std::optional<std::chrono::steady_clock::time_point> previous;
  // Of the label sets of unencrypted TCP, and as many of all others.
  std::size_t max_series = 0;
};

// Counts each session once, by (id, backend_start), however often it is sampled; a session that ended between two
// samples is not counted. Only sessions that began after the first collection from their server count: how often
// sessions come does not follow from those that were open before. The clocks of two servers are never compared: a
// server that was not seen before (failover, another server behind the same name) begins with a first collection of its
// own, unless its postmaster started after the collection before, which makes every session of it a new one. The last
// few servers are remembered.
//
// Lives as long as the server is configured; a failed collection does not touch it, so what it knows carries over
// reconnects. Memory: the open sessions, and the label sets within the cap plus the folded ones. Not thread-safe.
class SessionCounter {
 public:
  // One collection: StartCollection, Count for each authenticated session, EndCollection.
  void StartCollection(const Collection& collection);
  // `allowed` matters only where the session is unencrypted TCP.
  void Count(const Session& session, Network network, Encryption encryption, bool allowed);
  void EndCollection();

  // By database, user, network, encryption; those of the first collection's sessions are there at 0. No series ever
  // decreases. A named series ends only where the cap is reached, another label set needs its place, and it has not
  // counted for kIdle; if its label set comes back, it begins at nothing, as for a new one. Folded series never end.
  const std::vector<SessionSeries>& sessions() const { return series_; }
  // Those of sessions() that went to folded series.
  std::size_t folded() const { return folded_; }
  // Unencrypted TCP by (network, allowed); all four are there.
  const std::map<std::pair<Network, bool>, std::size_t>& unencrypted() const { return unencrypted_; }

  static constexpr std::chrono::hours kIdle{7 * 24};

 private:
  struct Open {
    std::int64_t backend_start_us;
    std::int64_t id;
    bool seen;  // in this collection
  };
  // What is remembered of one server.
  struct Seen {
    std::int64_t postmaster_start_us;
    std::int64_t counts_after_us;  // only sessions that began later count
    std::vector<Open> open;        // by id
  };
  Open* Find(std::int64_t id);
  void Merge();
  SessionSeries& Series(const Session& session, Network network, Encryption encryption);
  bool MakeRoom(bool unencrypted);

  std::vector<Seen> servers_;  // the one of this collection last
  bool is_first_ = true;       // collection from this server
  Collection collection_;
  std::vector<Open> new_;  // of this collection; in `open` before the next one, also where this one is cut short
  std::vector<SessionSeries> series_;  // sorted: the smallest form, for it is kept for every server
  std::size_t folded_ = 0;
  std::map<std::pair<Network, bool>, std::size_t> unencrypted_ = {{{Network::kLoopback, false}, 0},
                                                                  {{Network::kLoopback, true}, 0},
                                                                  {{Network::kRemote, false}, 0},
                                                                  {{Network::kRemote, true}, 0}};
};

}  // namespace pgtls::sessions
