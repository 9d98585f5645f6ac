// The links of a PostgreSQL server: subscriptions, foreign servers of all databases, the upstream of a standby, and
// who replicates from it.
#pragma once

#include <asio/awaitable.hpp>
#include <cstddef>
#include <map>
#include <string>

#include "exporter/base/deadline.h"
#include "exporter/links/link.h"
#include "exporter/sampling/collector.h"
#include "exporter/sampling/result.h"

namespace pgtls::postgres {

// A database that refused the exporter. It is left alone for an hour: each refusal leaves a line in the server's log.
struct Refusal {
  sampling::Failure failure;
  Deadline until;
};
using Refusals = std::map<std::string, Refusal>;

// Visits at most `max_databases` databases for their foreign servers, the conninfo's own included. What the role may
// not see, and databases that could not be visited, are in `output`. `refusals` is kept for the next call. Throws like
// Session::QueryAll() for the session's own database.
asio::awaitable<links::Links> ReadLinks(sampling::Context& context, std::size_t max_databases, Refusals& refusals,
                                        sampling::Output& output);

}  // namespace pgtls::postgres
