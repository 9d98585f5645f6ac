// The links of a PostgreSQL server: subscriptions, foreign servers of all databases, the upstream of a standby, and
// who replicates from it.
#pragma once

#include <asio/awaitable.hpp>
#include <cstddef>

#include "exporter/links/link.h"
#include "exporter/sampling/collector.h"

namespace pgtls::postgres {

// Visits at most `max_databases` databases for their foreign servers, the conninfo's own included. What the role may
// not see, and databases that could not be visited, are in `output`. Throws like Session::QueryAll() for the session's
// own database.
asio::awaitable<links::Links> ReadLinks(sampling::Context& context, std::size_t max_databases,
                                        sampling::Output& output);

}  // namespace pgtls::postgres
