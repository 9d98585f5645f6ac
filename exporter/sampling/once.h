// One collection of everything, outside any schedule: `collect`, `check`, `explain`.
#pragma once

#include <vector>

#include "exporter/config/config.h"
#include "exporter/sampling/server.h"

namespace pgtls::sampling {

// Runs the loop until every collector of every server has run once. Servers run concurrently, each under its own
// timeouts. Throws ConfigError for a conninfo that libpq does not understand.
Snapshots CollectOnce(const config::Config& config, Runtime& runtime);

}  // namespace pgtls::sampling
