// The options in a conninfo itself, before libpq adds service file, environment and defaults.
#pragma once

#include <libpq-fe.h>

#include <set>
#include <string>
#include <string_view>

namespace pgtls::db {

// Returns the keywords that `conninfo` sets, also to an empty value. REQUIRES: ResolveTarget() accepts it.
std::set<std::string> Keywords(const std::string& conninfo);

// Returns the value of an option; empty if it is not set, or `conninfo` cannot be parsed.
std::string OwnValue(const std::string& conninfo, std::string_view keyword);
// The same of a list of libpq's, which may be null.
std::string_view ValueOf(const PQconninfoOption* options, std::string_view keyword);

// Returns a conninfo in which the options of `over` take precedence. A host in it without hostaddr leads to that host,
// whatever hostaddr `conninfo`, a service file or the environment has. REQUIRES: ResolveTarget() accepts both.
std::string Overlay(const std::string& conninfo, const std::string& over);

}  // namespace pgtls::db
