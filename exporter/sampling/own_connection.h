// What concerns the exporter's own connections: their session settings, how they are protected, and that nobody counts
// them.
#pragma once

#include <chrono>
#include <string>

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

// pg_conf_load_time(), as the server writes it: when this session last took the configuration over. A session takes a
// reload over before its next query, with the files as they are *then*: later edits read as loaded. So what should be
// the server's view is read on a connection that has seen no reload.
asio::awaitable<std::string> ConfigLoadTime(db::Session& session, Deadline deadline);

// Asks for sessions without the exporter's own: `statement` takes their pids as $1, an array's text. A probe that the
// server lets in is a session for a moment, and its pid is not known from the start: asks again when it is gone. A
// probe that takes longer than a second is counted rather than waited for.
asio::awaitable<db::Result> QueryBetweenLogins(db::Session& session, const OwnBackends& own,
                                               const db::Statement& statement, Deadline deadline);

}  // namespace pgtls::sampling
