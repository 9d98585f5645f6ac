#include "exporter/evidence/losses.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace pgtls::evidence {

bool IsInLog(const Loss& loss) { return loss.reason == "statistics_reset" || loss.reason == "database_dropped"; }

void LossFinder::Add(const std::vector<Series>& counters, const std::vector<Point>& starts) {
  for (const Series& counter : counters) {
    const std::string reason(counter.label("reason"));
    Follower start_of(starts);
    for (const Point& point : counter.points) {
      const std::optional<double> since = start_of.At(point.time);
      if (!since) continue;
      const double at_begin = TimeOf(*since) < begin_ ? point.value : 0;
      const auto [last, is_first] = counts_.try_emplace(reason, Count{*since, at_begin});
      if (last->second.since != *since) last->second = {*since, 0};
      if (point.value > last->second.value) losses_.push_back({reason, point.time});
      last->second.value = point.value;
    }
  }
}

std::vector<Loss> LossFinder::Take() {
  std::ranges::sort(losses_, {}, &Loss::step);
  return std::exchange(losses_, {});
}

TimeRange RangeOf(const Loss& loss, const std::vector<GoodSample>& samples) {
  const auto after = std::ranges::lower_bound(samples, loss.step, {}, &GoodSample::at);
  return {after == samples.begin() ? Time::min() : std::prev(after)->collected - kStatisticsDelay,
          after == samples.end() ? loss.step : after->collected};
}

}  // namespace pgtls::evidence
