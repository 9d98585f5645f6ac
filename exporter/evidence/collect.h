// Asks Prometheus what is known of servers.
#pragma once

#include <string>
#include <vector>

#include "exporter/evidence/evidence.h"
#include "exporter/evidence/series.h"

namespace pgtls::evidence {

// The servers of which there is a sample in the period, by name. Throws Error.
std::vector<std::string> FindServers(Source& source, TimeRange period);

// `now`: later than the period's end. The last sessions of the period are in samples after it; what those have of later
// ones counts as well. Throws Error. REQUIRES: the period is a second long at least.
ServerEvidence Collect(Source& source, const std::string& server, TimeRange period, Time now);

}  // namespace pgtls::evidence
