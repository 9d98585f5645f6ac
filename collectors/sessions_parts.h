// What the sessions collector may not see, and what to do about it.
#pragma once

#include "exporter/sampling/part.h"

namespace pgtls::collectors {

inline constexpr sampling::Remedy kEncryptionRemedies[] = {
    {"error",
     "Compare pg_stat_activity with pg_stat_ssl and pg_stat_get_activity(NULL) on the server: a client in the first "
     "has no row in the others. Check that pg_stat_ssl is PostgreSQL's own view (\\d+ pg_catalog.pg_stat_ssl in "
     "psql)."},
};

inline constexpr sampling::DeclaredPart kSessionsParts[] = {
    {"encryption", "how some sessions are protected", kEncryptionRemedies},
};

}  // namespace pgtls::collectors
