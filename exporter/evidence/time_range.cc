#include "exporter/evidence/time_range.h"

#include <algorithm>

namespace pgtls::evidence {

TimeRanges Union(std::vector<TimeRange> ranges) {
  std::ranges::sort(ranges, {}, &TimeRange::begin);
  TimeRanges result;
  for (const TimeRange& range : ranges) {
    if (range.end <= range.begin) continue;
    if (result.empty() || range.begin > result.back().end) {
      result.push_back(range);
    } else {
      result.back().end = std::max(result.back().end, range.end);
    }
  }
  return result;
}

TimeRanges Complement(const TimeRanges& ranges, TimeRange within) {
  TimeRanges result;
  Time begin = within.begin;
  for (const TimeRange& range : Clipped(ranges, within)) {
    if (range.begin > begin) result.push_back({begin, range.begin});
    begin = range.end;
  }
  if (begin < within.end) result.push_back({begin, within.end});
  return result;
}

TimeRanges Clipped(const TimeRanges& ranges, TimeRange within) {
  TimeRanges result;
  for (const TimeRange& range : ranges) {
    const TimeRange clipped{std::max(range.begin, within.begin), std::min(range.end, within.end)};
    if (clipped.begin < clipped.end) result.push_back(clipped);
  }
  return result;
}

Duration Length(const TimeRanges& ranges) {
  Duration total{0};
  for (const TimeRange& range : ranges) total += range.length();
  return total;
}

bool Covers(const TimeRanges& outer, const TimeRanges& inner) {
  return std::ranges::all_of(inner, [&](const TimeRange& range) { return Complement(outer, range).empty(); });
}

}  // namespace pgtls::evidence
