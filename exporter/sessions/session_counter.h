// The counters behind pg_tls_sessions_total and pg_tls_unencrypted_sessions_total.
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

// The number of sessions with one label set, over time. Both names of a folded series are kOther.
struct SessionSeries {
  std::string database;
  std::string user;
  Network network;
  std::optional<Encryption> encryption;
  std::size_t sessions = 0;
  std::chrono::steady_clock::time_point last_counted;  // or when the series began
};

// One collection, as the server and the exporter's own clock describe it.
struct Collection {
  // Both by the server's clock, in microseconds since the epoch; `now_us` is not later than the snapshot of the
  // sessions. The start of the postmaster identifies the server: its address or name may lead to another one later.
  std::int64_t now_us = 0;
  std::int64_t postmaster_start_us = 0;
  // The exporter's clock. The sessions of the collection before this one were read no later than `previous`; absent for
  // the first collection.
  std::chrono::steady_clock::time_point asked;
  std::optional<std::chrono::steady_clock::time_point> previous;
  std::chrono::steady_clock::time_point answered = asked;
  // The cap for label sets of unencrypted TCP, and a second one of the same size for all others.
  std::size_t max_series = 0;
  // How many servers are collected in turn: the processes of a pooler.
  std::size_t servers = 1;
};

// Whether the server's postmaster started after the collection before this one.
bool StartedSince(const Collection& collection);

// Counts each session once, by (id, backend_start), however often it is sampled; a session that began and ended between
// two samples is not counted. Only sessions that began after the first collection from their server count: those that
// were open before say nothing about a rate. The clocks of two servers are never compared: another server (after a
// failover, or behind the same name) begins with a first collection of its own, unless its postmaster started after the
// previous collection, so that all its sessions are new. The last few servers are remembered. Several servers can be
// collected in turn.
//
// Lives as long as the server is configured. A failed collection does not change it, so it survives reconnects. Memory:
// the open sessions, and the label sets within the cap plus the folded ones. Not thread-safe.
class SessionCounter {
 public:
  // `since`: the counters are 0 then.
  explicit SessionCounter(std::chrono::system_clock::time_point since = std::chrono::system_clock::now())
      : since_(since) {}

  // One collection: StartCollection, Count for each authenticated session, EndCollection.
  void StartCollection(const Collection& collection);
  // `allowed` matters for unencrypted TCP only. Returns whether the session counts, which is once.
  bool Count(const Session& session, Network network, std::optional<Encryption> encryption, bool allowed);
  void EndCollection();

  // By database, user, network, encryption; the label sets of the first collection begin at 0. No series ever
  // decreases. A named series ends only if the cap is reached, another label set needs its place, and it has not
  // counted for kIdle; if its label set returns, it begins anew. Folded series never end.
  const std::vector<SessionSeries>& sessions() const { return series_; }
  // How many of sessions() are in folded series.
  std::size_t folded() const { return folded_; }
  // Unencrypted TCP by (network, allowed); all four are there.
  const std::map<std::pair<Network, bool>, std::size_t>& unencrypted() const { return unencrypted_; }
  std::chrono::system_clock::time_point since() const { return since_; }
  // How often another server answered than at the collection before: what sessions either had in between is not known.
  std::uint64_t server_changes() const { return server_changes_; }

  static constexpr std::chrono::hours kIdle{7 * 24};

 private:
  struct Open {
    std::int64_t backend_start_us;
    std::int64_t id;
    bool seen;  // in this collection
  };
  // The state for one server.
  struct Seen {
    std::int64_t postmaster_start_us;
    std::int64_t counts_after_us;  // only sessions that began later count
    std::vector<Open> open;        // by id
  };
  Open* Find(std::int64_t id);
  void Merge();
  SessionSeries& Series(const Session& session, Network network, std::optional<Encryption> encryption);
  bool MakeRoom(bool unencrypted);

  std::chrono::system_clock::time_point since_;
  std::vector<Seen> servers_;  // the one of this collection last
  bool is_first_ = true;       // collection from this server
  std::uint64_t server_changes_ = 0;
  Collection collection_;
  std::vector<Open> new_;  // of this collection; in `open` before the next one, even if this one did not finish
  std::vector<SessionSeries> series_;  // sorted: the most compact form, because every server has one
  std::size_t folded_ = 0;
  std::map<std::pair<Network, bool>, std::size_t> unencrypted_ = {{{Network::kLoopback, false}, 0},
                                                                  {{Network::kLoopback, true}, 0},
                                                                  {{Network::kRemote, false}, 0},
                                                                  {{Network::kRemote, true}, 0}};
};

}  // namespace pgtls::sessions
