// Sets of points in time.
#pragma once

#include <chrono>
#include <cmath>
#include <vector>

namespace pgtls::evidence {

// As precise as Prometheus.
using Duration = std::chrono::milliseconds;
using Time = std::chrono::sys_time<Duration>;

inline Time TimeOf(double seconds_since_epoch) { return Time(Duration(std::llround(seconds_since_epoch * 1000))); }

struct TimeRange {
  Time begin;
  Time end;

  Duration length() const { return end - begin; }
  bool operator==(const TimeRange&) const = default;
};

// Sorted, and no two touch.
using TimeRanges = std::vector<TimeRange>;

// Any ranges, in any order, as one set.
TimeRanges Union(std::vector<TimeRange> ranges);
// What of `within` is in none of `ranges`.
TimeRanges Complement(const TimeRanges& ranges, TimeRange within);
// What of `ranges` is in `within`.
TimeRanges Clipped(const TimeRanges& ranges, TimeRange within);
Duration Length(const TimeRanges& ranges);
// Whether all of `inner` is in `outer`.
bool Covers(const TimeRanges& outer, const TimeRanges& inner);

}  // namespace pgtls::evidence
