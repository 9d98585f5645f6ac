// Consoles of poolers other than PgBouncer, as a kind of server of which only the wire can be checked. Odyssey's column
// `tls` is always empty, and the others have none: nothing there tells how a client is protected.
#pragma once

#include <string_view>

#include "exporter/sampling/driver.h"

namespace pgtls::pgbouncer {

inline constexpr std::string_view kOtherPooler = "a pooler other than PgBouncer (Odyssey, PgCat, PgDog)";

// Odyssey and PgCat report a version of their own at login, PgDog its name.
const sampling::Driver& OtherPoolerDriver();

}  // namespace pgtls::pgbouncer
