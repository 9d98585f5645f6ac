// The settings of the exporter's sessions.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "exporter/db/session.h"

namespace pgtls::db {

// The first statement on a connection, before its search_path is known: it has qualified names and no operator. It
// changes nothing, so that it harms nobody on a backend that a pooler lends.
Statement BackendPidStatement();

// What goes before the first query of a session: search_path, JIT off (it costs more than these queries), a statement
// timeout and a lock timeout, and no timeout of idle sessions. `local`: for one transaction only, as on a backend that
// a pooler lends to others afterwards. The last answer is for ReadBackend().
std::vector<Request> SetUpRequests(std::chrono::milliseconds statement_timeout, bool local);
BackendId ReadBackend(const Result& row);

// Changes the timeouts of a session that is set up.
Request BoundRequest(std::chrono::milliseconds statement_timeout);

// The statement timeout for a query that has `left` until its deadline. The server answers first: its error leaves the
// connection as it is, and tells a slow statement from a server that is silent. `current` is kept if it is good enough.
std::chrono::milliseconds StatementTimeout(std::chrono::milliseconds left,
                                           std::optional<std::chrono::milliseconds> current);

}  // namespace pgtls::db
