#include "exporter/evidence/observation.h"

#include <algorithm>

namespace pgtls::evidence {
namespace {

constexpr std::size_t kNeighbours = 10;  // on each side

// The longest distance from sample `i` to the next one at which no scrape is missing.
class Tolerance {
 public:
  explicit Tolerance(const std::vector<GoodSample>& samples) {
    for (std::size_t i = 1; i < samples.size(); ++i) distances_.push_back(samples[i].sample - samples[i - 1].sample);
  }

  Duration At(std::size_t i) const {
    if (distances_.empty()) return Duration(0);
    const std::size_t begin = i < kNeighbours ? 0 : std::min(i - kNeighbours, distances_.size() - 1);
    const std::size_t end = std::min(i + kNeighbours + 1, distances_.size());
    std::vector<Duration> around(distances_.begin() + static_cast<std::ptrdiff_t>(begin),
                                 distances_.begin() + static_cast<std::ptrdiff_t>(end));
    // Of an even number, the shorter one.
    const auto middle = around.begin() + static_cast<std::ptrdiff_t>((around.size() - 1) / 2);
    std::ranges::nth_element(around, middle);
    return *middle * 3 / 2;
  }

 private:
  std::vector<Duration> distances_;
};

}  // namespace

TimeRanges Observed(const std::vector<GoodSample>& samples, Duration step, TimeRange within) {
  std::vector<GoodSample> distinct;
  std::vector<bool> begins;  // a step is missing before it: the sample there, if any, was not good
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const bool broken = i == 0 || samples[i].at - samples[i - 1].at > step;
    if (!broken && samples[i].sample == samples[i - 1].sample) continue;
    distinct.push_back(samples[i]);
    begins.push_back(broken);
  }

  const Tolerance tolerance(distinct);
  std::vector<TimeRange> ranges;
  Time begin = distinct.empty() ? Time() : distinct.front().collected;
  for (std::size_t i = 1; i < distinct.size(); ++i) {
    const GoodSample& before = distinct[i - 1];
    const GoodSample& after = distinct[i];
    const bool lost = after.since != before.since || after.losses != before.losses;
    const bool adjacent = !begins[i] && !lost && after.sample - before.sample <= tolerance.At(i - 1);
    const Time end = after.collected - kStatisticsDelay;
    if (!adjacent) {
      begin = after.collected;
    } else if (begin < end) {
      ranges.push_back({begin, end});
    }
  }
  return Clipped(Union(std::move(ranges)), within);
}

Duration UsualDistance(const std::vector<GoodSample>& samples) {
  std::vector<Duration> distances;
  for (std::size_t i = 1; i < samples.size(); ++i) {
    if (samples[i].sample > samples[i - 1].sample) distances.push_back(samples[i].sample - samples[i - 1].sample);
  }
  if (distances.empty()) return Duration(0);
  const auto middle = distances.begin() + static_cast<std::ptrdiff_t>(distances.size() / 2);
  std::ranges::nth_element(distances, middle);
  return *middle;
}

std::vector<Run> RunsOf(const std::vector<Point>& starts) {
  std::vector<Run> runs;
  for (const Point& point : starts) {
    if (runs.empty() || runs.back().since != point.value)
      runs.push_back({{point.time, point.time}, point.value, point.time});
    runs.back().range.end = point.time;
  }
  return runs;
}

}  // namespace pgtls::evidence
