// Several servers in one text, as postgres_exporter's DATA_SOURCE_NAME has them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pgtls::db {

// The conninfo strings of a comma-separated list, trimmed. A comma separates only where another conninfo begins after
// it: "postgresql://", "postgres://", or a libpq keyword and "=". Every other comma means what it means to libpq: a
// list of hosts, a part of a password or of a quoted value. Never empty; one text without such a comma comes back as it
// is.
std::vector<std::string> SplitDataSources(std::string_view text);

}  // namespace pgtls::db
