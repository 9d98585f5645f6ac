// When a server was observed, from what one exporter reported and when.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "exporter/evidence/series.h"
#include "exporter/evidence/time_range.h"

namespace pgtls::evidence {

// At the time `at`, the latest sample was good: the server answered, and its sessions were known as a whole.
struct GoodSample {
  Time at;            // a step of the query
  Time sample;        // when it was scraped, at most 5 minutes (Prometheus' lookback) before `at`
  Time collected;     // when its sessions were collected, three collector intervals before at most
  double since = 0;   // when the session counters started at 0
  double losses = 0;  // losses until then, since the first sample
};

// PostgreSQL counts a session ten seconds after its end at the latest.
inline constexpr Duration kStatisticsDelay = std::chrono::seconds(10);

// Where two adjacent samples are good and nothing was lost from one to the other, the time between their collections
// was observed; what ended less than kStatisticsDelay before the last of them may be in no counter yet. `samples`: by
// `at`, of steps that are `step` apart where none is missing. A distance of more than 1.5 scrape intervals is a gap;
// the interval is the median of the distances around it.
TimeRanges Observed(const std::vector<GoodSample>& samples, Duration step, TimeRange within);

// The usual distance of two samples; zero with less than two.
Duration UsualDistance(const std::vector<GoodSample>& samples);

// The time from the first to the last scrape of session counters that started at 0 at one time.
struct Run {
  TimeRange range;   // of its points
  double since = 0;  // when they started, in seconds since the epoch
  Time first{};      // the first known point, which may be before `range`
};

// `starts`: pg_tls_sessions_counted_since_timestamp_seconds by step.
std::vector<Run> RunsOf(const std::vector<Point>& starts);

}  // namespace pgtls::evidence
