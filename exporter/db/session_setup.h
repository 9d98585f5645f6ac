// The settings of the exporter's sessions.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "exporter/db/session.h"

namespace pgtls::db {

// The first statement on a connection, while its search_path is unknown: it has qualified names and no operator. It
// changes nothing, so it does not affect other clients of a pooler's backend.
Statement BackendPidStatement();

// Returns the requests before the first query of a session: search_path, JIT off (it costs more than these queries), a
// statement timeout and a lock timeout, and no timeout of idle sessions. `local`: for one transaction only, as on a
// pooler's backend. The last answer is for ReadBackend().
std::vector<Request> SetUpRequests(std::chrono::milliseconds statement_timeout, bool local);
BackendId ReadBackend(const Result& row);

// Returns the request that changes the timeouts of a session that is set up.
Request BoundRequest(std::chrono::milliseconds statement_timeout);

// Returns the statement timeout for a query that has `left` until its deadline. It ends before the deadline, because an
// error of the server keeps the connection, and distinguishes a slow statement from a server that does not answer.
// `current` is kept if it is close enough.
std::chrono::milliseconds StatementTimeout(std::chrono::milliseconds left,
                                           std::optional<std::chrono::milliseconds> current);

}  // namespace pgtls::db
