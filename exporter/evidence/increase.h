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

// The growth for each set of labels. `counter`: a metric's name; the growth is summed up `by` these labels. A run that
// began within the period counts from 0. `runs`: all of the exporter in the period.
std::vector<Series> Increase(Source& source, const Queries& queries, const std::string& counter, std::string_view by,
                             const std::vector<Run>& runs, TimeRange period);

// The sessions that the server counted and no sample had. The server counts a session up to ten seconds late, after a
// sample may have it; so of each hour the highest difference is taken, and what it grows from hour to hour. `losses`:
// when the server's count lost sessions, by time, also in the hour before the period. What samples had of these would
// hide as many that are missed later.
std::uint64_t MissedSessions(Source& source, const Queries& queries, const std::vector<Run>& runs,
                             const std::vector<Time>& losses, TimeRange period, Duration step);

// How long before the period the losses matter.
inline constexpr Duration kLossesBefore = std::chrono::hours(1);

}  // namespace pgtls::evidence
