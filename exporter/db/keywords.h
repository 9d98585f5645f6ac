// The options in a conninfo itself, before libpq adds service file, environment and defaults.
#pragma once

#include <set>
#include <string>

namespace pgtls::db {

// Returns the keywords that `conninfo` sets, also to an empty value. REQUIRES: ResolveTarget() accepts it.
std::set<std::string> Keywords(const std::string& conninfo);

}  // namespace pgtls::db
