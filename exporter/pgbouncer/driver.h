// PgBouncer as a kind of server: its console, the database "pgbouncer".
#pragma once

#include <string_view>

#include "exporter/sampling/driver.h"
#include "exporter/settings/pooler_settings.h"

namespace pgtls::pgbouncer {

inline constexpr std::string_view kKind = settings::kPgBouncer;

// The console knows simple queries only, one SHOW each. The exporter's own connection is described as libpq negotiated
// it.
const sampling::Driver& PgBouncerDriver();

}  // namespace pgtls::pgbouncer
