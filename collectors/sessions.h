// Who is connected, and how protected: pg_stat_activity with pg_stat_ssl and pg_stat_gssapi.
//
// Counts authenticated client backends and walsenders, leaves out the exporter's own backends, and keeps the session
// counters. Fails with insufficient_privilege where the role would see other sessions without their encryption (it
// lacks pg_read_all_stats): PostgreSQL shows such a role nulls and no error, which would read as an all-clear.
// Publishes sessions::Summary.
#pragma once

#include "exporter/sampling/collector.h"

namespace pgtls::collectors {

const sampling::CollectorType& SessionsCollector();

}  // namespace pgtls::collectors
