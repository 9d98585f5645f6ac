#include "exporter/evidence/increase.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <utility>

namespace pgtls::evidence {
namespace {

constexpr Duration kHour = std::chrono::hours(1);
constexpr Duration kDay = std::chrono::hours(24);

using Values = std::map<Labels, double>;

Values ValuesOf(const std::vector<Series>& answer) {
  Values values;
  for (const Series& series : answer) {
    if (!series.points.empty()) values[series.labels] = series.points.back().value;
  }
  return values;
}

Time StartOf(const Run& run) { return Time(Duration(std::llround(run.process * 1000))); }

// Whether the process counted before the period began.
bool IsOlder(const Run& run, TimeRange period) { return StartOf(run) < period.begin; }

// How far to look back from the period's begin for a value of this process.
Duration LookBack(const Run& run, TimeRange period, Duration most) {
  return std::min(period.begin - StartOf(run), most);
}

}  // namespace

std::vector<Series> Increase(Source& source, const Queries& queries, const std::string& counter, std::string_view by,
                             const std::vector<Run>& runs, TimeRange period) {
  Values growth;
  for (const Run& run : runs) {
    Values last = ValuesOf(source.Query(queries.NowOf(counter, by), run.range.end));
    // The collector may have failed at the end.
    for (const auto& [labels, value] :
         ValuesOf(source.Query(queries.LastOf(counter, by, run.range.length()), run.range.end)))
      last[labels] = std::max(last[labels], value);
    Values first;
    if (IsOlder(run, period)) {
      first = ValuesOf(source.Query(queries.LastOf(counter, by, LookBack(run, period, kDay)), period.begin));
      if (first.empty()) first = ValuesOf(source.Query(queries.NowOf(counter, by), run.range.begin));
    }
    for (const auto& [labels, value] : last) {
      const auto before = first.find(labels);
      growth[labels] += std::max(0.0, value - (before == first.end() ? 0 : before->second));
    }
  }
  std::vector<Series> series;
  for (const auto& [labels, value] : growth) series.push_back({labels, {{period.end, value}}});
  return series;
}

std::uint64_t MissedSessions(Source& source, const Queries& queries, const std::vector<Run>& runs, TimeRange period,
                             Duration step) {
  double missed = 0;
  for (const Run& run : runs) {
    Values highest;  // so far
    if (IsOlder(run, period)) {
      const Duration before = LookBack(run, period, kHour);
      highest = ValuesOf(source.Query(queries.Missed(before, step), period.begin));
      if (highest.empty()) highest = ValuesOf(source.Query(queries.MissedNow(), run.range.begin));
    }
    const auto add = [&](const Labels& labels, double value) {
      double& before = highest[labels];  // 0 for a database that is new
      missed += std::max(0.0, value - before);
      before = value;
    };
    const auto hours = run.range.length() / kHour;
    if (hours > 0) {
      const TimeRange range{run.range.end - hours * kHour + kHour, run.range.end};
      for (const Series& series : source.QueryRange(queries.Missed(kHour, step), range, kHour)) {
        for (const Point& point : series.points) add(series.labels, point.value);
      }
      for (const auto& [labels, value] : ValuesOf(source.Query(queries.MissedNow(), run.range.end))) add(labels, value);
    } else {
      Values last = ValuesOf(source.Query(queries.MissedNow(), run.range.end));
      for (const auto& [labels, value] :
           ValuesOf(source.Query(queries.Missed(run.range.length(), step), run.range.end)))
        last[labels] = std::max(last.contains(labels) ? last[labels] : value, value);
      for (const auto& [labels, value] : last) add(labels, value);
    }
  }
  return static_cast<std::uint64_t>(std::llround(missed));
}

}  // namespace pgtls::evidence
