// The connections that a server makes itself, and those of the servers that replicate from it: on PostgreSQL
// subscriptions, foreign servers and the upstream of a standby, on PgBouncer its servers. Needs pg_read_all_stats, and
// tls_exporter.subscriptions() of deploy/sql/monitoring_role.sql; logs in to every database for its foreign servers.
#pragma once

#include "exporter/sampling/collector.h"

namespace pgtls::collectors {

struct LinksOptions {
  int max_databases = 20;  // that are visited, the conninfo's own included
  friend bool operator==(const LinksOptions&, const LinksOptions&) = default;
};

const sampling::CollectorType& LinksCollector();

}  // namespace pgtls::collectors
