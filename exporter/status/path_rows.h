// The way from the clients of a PgBouncer to the servers behind it, one row for each of its databases.
#pragma once

#include <cstddef>
#include <vector>

#include "exporter/status/server_facts.h"
#include "exporter/status/view.h"

namespace pgtls::status {

// The worst first. A hop that is not watched, and one of which nothing is known, is unknown. The server behind a pooler
// is found by an open connection: its process and port, as both sides see them.
BoundedList<PathRow> PathRows(const std::vector<ServerFacts>& servers, std::size_t limit);

}  // namespace pgtls::status
