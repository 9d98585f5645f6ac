// What a conninfo itself says, before libpq adds service file, environment and defaults.
#pragma once

#include <set>
#include <string>

namespace pgtls::db {

// The keywords that `conninfo` sets, even to nothing. REQUIRES: ResolveTarget() takes it.
std::set<std::string> Keywords(const std::string& conninfo);

}  // namespace pgtls::db
