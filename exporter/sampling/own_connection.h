// What concerns the exporter's own connections: their session settings, how they are protected, and that nobody counts
// them.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "exporter/db/session.h"
#include "exporter/sampling/collector.h"
#include "exporter/sampling/result.h"

namespace pgtls::sampling {

// JIT off (it costs more than these queries), a statement timeout (a query that the exporter has given up must not run
// on) and a lock timeout.
asio::awaitable<void> SetUpSession(db::Session& session, std::chrono::milliseconds statement_timeout,
                                   Deadline deadline);

// From pg_stat_ssl and pg_stat_gssapi, and from ssl_is_used() where the sslinfo extension is there. `sslmode` is the
// option in force.
asio::awaitable<OwnConnection> DescribeConnection(db::Session& session, std::string sslmode, Deadline deadline);

// Watches over a question for sessions that leaves the exporter's own out by their pids. A probe that the server lets
// in is a session for a moment, and its pid is not known from the start.
class BetweenLogins {
 public:
  explicit BetweenLogins(const OwnBackends& own)
      : own_(own), quiet_(!own.logging_in()), events_(own.login_events()), pids_(own.pids()) {}

  // The pids that were known, an array's text.
  std::string pids() const;
  // When the answer is there: it may hold a session of the exporter's that is none of pids().
  bool disturbed() const { return !quiet_ || events_ != own_.login_events(); }

 private:
  const OwnBackends& own_;
  bool quiet_;
  int events_;
  std::vector<int> pids_;
};

// Asks for sessions without the exporter's own: `statement` takes their pids as $1. Asks again when a probe's session
// is gone. A probe that takes longer than a second is counted rather than waited for.
asio::awaitable<db::Result> QueryBetweenLogins(db::Session& session, const OwnBackends& own,
                                               const db::Statement& statement, Deadline deadline);

}  // namespace pgtls::sampling
