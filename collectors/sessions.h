// Who is connected, and how protected: pg_stat_activity with pg_stat_ssl and pg_stat_gssapi.
//
// Counts authenticated client backends and walsenders, leaves out the exporter's own backends, and keeps the session
// counters. Fails with insufficient_privilege where the role would see other sessions without their encryption (it
// lacks pg_read_all_stats): PostgreSQL shows such a role nulls and no error, which would read as an all-clear.
// Publishes sessions::Summary and sessions::OpenConnections.
#pragma once

#include <cstddef>

#include "exporter/sampling/collector.h"

namespace pgtls::collectors {

struct SessionsOptions {
  bool client_addr = false;      // client_addr as a label of pg_tls_connections
  int ipv4_prefix = 32;          // 0 … 32; less than 32 buckets client_addr
  int ipv6_prefix = 128;         // 0 … 128
  std::size_t max_series = 200;  // per metric
  friend bool operator==(const SessionsOptions&, const SessionsOptions&) = default;
};

const sampling::CollectorType& SessionsCollector();

}  // namespace pgtls::collectors
