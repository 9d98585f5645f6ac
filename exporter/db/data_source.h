// Lists of servers in one text, as in postgres_exporter's DATA_SOURCE_NAME.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pgtls::db {

// Returns the conninfo strings of a comma-separated list, trimmed. A comma separates only if another conninfo begins
// after it: "postgresql://", "postgres://", or a libpq keyword and "=". Every other comma has libpq's meaning: a list
// of hosts, a part of a password or of a quoted value. The result is never empty; a text without such a comma is
// returned unchanged.
std::vector<std::string> SplitDataSources(std::string_view text);

}  // namespace pgtls::db
