// What pg_hba.conf admits: the rules, the plaintext connections that they admit, the rules that no connection reaches,
// and the rule that admits each open connection.
//
// Runs on a fresh connection. The verdicts cover the file and, where they are known to differ, the rules in force: see
// exporter/hba/in_force.h. The open connections are those that the sessions collector found last
// (sessions::OpenConnections). If the server is on this machine, the times and links on the paths of its files are
// read here too (exporter/files/hba_files.h): SQL shows whole seconds and follows links. What the role may not see is
// reported as an incomplete part: `rules` (EXECUTE on pg_hba_file_rules()), `raw_text` (quoted words cannot be
// distinguished from keywords then, and count as keywords) and `file_times` (tls_exporter.hba_rules() and hba_files()
// of deploy/sql/monitoring_role.sql), `connections` (the sessions collector has found none of this server, or not how
// they are protected), `roles` and `analysis` (too much to judge), `rules_in_force` (a change waits and the rules
// before it were not seen, or the times do not prove which rules were loaded), `regular_expressions`. Publishes
// hba::Posture.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "exporter/sampling/collector.h"

namespace pgtls::collectors {

struct HbaOptions {
  std::size_t max_series = 200;  // per metric
  // Users and databases to test regular expressions against, besides those of the cluster. Set by `explain` only.
  std::vector<std::string> names;
  friend bool operator==(const HbaOptions&, const HbaOptions&) = default;
};

const sampling::CollectorType& HbaCollector();

}  // namespace pgtls::collectors
