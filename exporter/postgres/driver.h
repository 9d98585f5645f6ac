// PostgreSQL as a kind of server.
#pragma once

#include <array>
#include <string_view>

#include "exporter/sampling/driver.h"

namespace pgtls::postgres {

inline constexpr std::string_view kKind = "PostgreSQL";
// For collectors that know this kind alone.
inline constexpr std::array kOnlyThis = {kKind};

// Also of servers that speak PostgreSQL's protocol and say nothing else of themselves: ask it last.
const sampling::Driver& PostgresDriver();

}  // namespace pgtls::postgres
