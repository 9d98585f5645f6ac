// Every connection, from the server's log: who came in, how encrypted and by which rule, who was refused, and which TLS
// handshakes failed. Sampling misses what begins and ends between two samples; the log does not.
//
// Follows jsonlog, csvlog or the plain log (stderr), over SQL (tls_exporter.log_records() of
// deploy/sql/monitoring_role.sql) or as files on this machine. What a record says of TLS can be forged by the client:
// such a session counts as unknown unless the rule of pg_hba.conf or a sample of pg_stat_ssl decides. Publishes
// serverlog::Summary.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "collectors/read_via.h"
#include "exporter/config/config.h"
#include "exporter/sampling/collector.h"

namespace pgtls::collectors {

struct LogOptions {
  ReadVia read_via = ReadVia::kAuto;  // `files`, else SQL, else log_directory if the server is on this machine
  std::vector<std::string> files;     // glob patterns
  std::size_t max_bytes = std::size_t{1} << 20;        // of the log, in one run
  config::Milliseconds window{std::chrono::hours(1)};  // of pg_tls_logged_unencrypted_clients
  std::string state_file;                              // where positions are kept over a restart; empty: nowhere
  std::size_t max_series = 500;                        // of each kind
  friend bool operator==(const LogOptions&, const LogOptions&) = default;
};

const sampling::CollectorType& LogCollector();

}  // namespace pgtls::collectors
