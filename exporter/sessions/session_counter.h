// How many sessions there have been: the counters behind pg_tls_sessions_total and pg_tls_unencrypted_sessions_total.
#pragma once

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
};

// Counts each session once, by (pid, backend_start), however often it is sampled; one that ended between two samples
// was never seen. Only sessions that began after the first collection count, by the server's clock: what was there
// before says nothing about how often it comes. Lives as long as the server is configured; a failed collection does not
// touch it, so what it knows carries over reconnects. Memory: the open sessions, and at most `max_series` label sets
// plus the folded ones. Not thread-safe.
class SessionCounter {
 public:
  // One collection: StartCollection, Count for each authenticated session, EndCollection. `now_us`: the server's clock,
  // not later than the snapshot of the sessions.
  void StartCollection(std::int64_t now_us, std::size_t max_series);
  // `allowed` matters only where the session is unencrypted TCP.
  void Count(const Session& session, Network network, Encryption encryption, bool allowed);
  void EndCollection();

  // By database, user, network, encryption; those of the first collection's sessions are there at 0. Never decreases: a
  // label set that has its own series keeps it for ever, and one that came after the cap was reached is in the folded
  // series for ever.
  const std::vector<SessionSeries>& sessions() const { return series_; }
  // Those of sessions() that went to folded series.
  std::size_t folded() const { return folded_; }
  // Unencrypted TCP by (network, allowed); all four are there.
  const std::map<std::pair<Network, bool>, std::size_t>& unencrypted() const { return unencrypted_; }

 private:
  struct Open {
    std::int64_t backend_start_us;
    int pid;
    bool seen;  // in this collection
  };
  Open* Find(int pid);
  void Merge();
  SessionSeries& Series(const Session& session, Network network, Encryption encryption);

  std::optional<std::int64_t> first_us_;
  bool is_first_ = true;  // collection
  std::size_t max_series_ = 0;
  std::vector<Open> open_;  // by pid
  std::vector<Open> came_;  // with this collection; in open_ before the next one, also where this one is cut short
  std::vector<SessionSeries> series_;  // sorted: the smallest form, for it is there for every server and for ever
  std::size_t named_ = 0;              // those of series_ that are not folded
  std::size_t folded_ = 0;
  std::map<std::pair<Network, bool>, std::size_t> unencrypted_ = {{{Network::kLoopback, false}, 0},
                                                                  {{Network::kLoopback, true}, 0},
                                                                  {{Network::kRemote, false}, 0},
                                                                  {{Network::kRemote, true}, 0}};
};

}  // namespace pgtls::sessions
