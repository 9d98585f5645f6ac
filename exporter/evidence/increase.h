// How much an exporter's counters grew in a period. PromQL's increase() extrapolates, and does not count the first
// value of a series.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "exporter/evidence/observation.h"
#include "exporter/evidence/queries.h"
#include "exporter/evidence/series.h"

namespace pgtls::evidence {

// The growth for each set of labels. `counter`: a metric's name; the growth is summed up `by` these labels. A process
// that started within the period counts from 0. `runs`: all of the exporter's processes in the period.
std::vector<Series> Increase(Source& source, const Queries& queries, const std::string& counter, std::string_view by,
                             const std::vector<Run>& runs, TimeRange period);

// The sessions that the server counted and no sample had. The server counts a session up to ten seconds late, after a
// sample may have it; so of each hour the highest difference is taken, and what it grows from hour to hour. A counter
// that lost sessions hides none that are missed later.
std::uint64_t MissedSessions(Source& source, const Queries& queries, const std::vector<Run>& runs, TimeRange period,
                             Duration step);

}  // namespace pgtls::evidence
