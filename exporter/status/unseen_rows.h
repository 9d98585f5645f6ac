// What could not be looked at, on which servers, and why.
#pragma once

#include <cstddef>
#include <vector>

#include "exporter/status/server_facts.h"
#include "exporter/status/view.h"

namespace pgtls::status {

// Of each row at most `names` servers. The rows that concern most servers first.
BoundedList<UnseenRow> UnseenRows(const std::vector<ServerFacts>& servers, std::size_t limit, std::size_t names);

}  // namespace pgtls::status
