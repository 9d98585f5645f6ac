// What concerns the exporter's own connections: how they are protected, and that nobody counts them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "exporter/db/session.h"
#include "exporter/sampling/own_backends.h"
#include "exporter/sampling/result.h"

namespace pgtls::postgres {

// From pg_stat_ssl and pg_stat_gssapi, and from ssl_is_used() where the sslinfo extension is there. `sslmode` is the
// option in force.
asio::awaitable<sampling::OwnConnection> DescribeConnection(db::Session& session, std::string sslmode,
                                                            Deadline deadline);

// A snapshot of sessions, and which of its rows are the exporter's own.
struct Sessions {
  db::Result rows;
  std::vector<bool> own;
  std::optional<db::Answer> first;  // to the statement before it
  Deadline asked;
  // One of the rows may be of a login that is in progress: another snapshot tells.
  bool unsure = false;

  // Of all that they show but the time.
  void DigestRows(Digester& digester) const;
};

// Asks for a snapshot, and again while the exporter is logging in where it may be seen. The rows have the columns pid
// (null: no session), backend_start_us, usename and now_us, the server's clock in microseconds. `first` is another
// statement, which is run just before, in the same round trip.
asio::awaitable<Sessions> QuerySessions(db::Session& session, sampling::OwnBackends& own,
                                        const db::Statement& statement, std::optional<db::Statement> first,
                                        Deadline deadline);

}  // namespace pgtls::postgres
