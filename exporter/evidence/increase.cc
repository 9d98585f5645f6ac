#include "exporter/evidence/increase.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <utility>

namespace pgtls::evidence {
namespace {

constexpr Duration kHour = std::chrono::hours(1);
// With more losses, later parts contain several: they are gaps, or the log is required.
constexpr std::size_t kMostParts = 100;
constexpr Duration kDay = std::chrono::hours(24);

using Values = std::map<Labels, double>;

Values ValuesOf(const std::vector<Series>& answer) {
  Values values;
  for (const Series& series : answer) {
    if (!series.points.empty()) values[series.labels] = series.points.back().value;
  }
  return values;
}

Time StartOf(const Run& run) { return TimeOf(run.since); }

// Whether it counted before the period began.
bool IsOlder(const Run& run, TimeRange period) { return StartOf(run) < period.begin; }

// A part of a run in which the server's count lost nothing.
struct Part {
  TimeRange range;
  Time known;           // samples before it are of another part
  bool is_new = false;  // the counters begin at 0 within the period, and nothing was lost before its first sample
};

// `losses`: by time.
std::vector<Part> PartsOf(const Run& run, const std::vector<Time>& losses, TimeRange period) {
  std::vector<Part> parts = {{run.range, run.first, !IsOlder(run, period)}};
  for (const Time loss : losses) {
    if (loss < StartOf(run)) continue;
    if (loss > run.range.end || parts.size() == kMostParts) break;
    if (loss <= run.range.begin) {
      parts.back().known = std::max(parts.back().known, loss);
      parts.back().is_new = false;
      continue;
    }
    parts.back().range.end = std::max(parts.back().range.begin, loss - Duration(1));
    parts.push_back({{loss, run.range.end}, loss, false});
  }
  return parts;
}

double MissedIn(Source& source, const Queries& queries, const Part& part, TimeRange period, Duration step) {
  double missed = 0;
  Values highest;  // so far
  if (part.known < period.begin) {
    const Duration before = std::min(period.begin - part.known, kLossesBefore);
    highest = ValuesOf(source.Query(queries.Missed(before, step), period.begin));
  }
  if (!part.is_new && highest.empty()) highest = ValuesOf(source.Query(queries.MissedNow(), part.range.begin));
  const auto add = [&](const Labels& labels, double value) {
    double& before = highest[labels];  // 0 for a database that is new
    missed += std::max(0.0, value - before);
    before = value;
  };
  const auto hours = part.range.length() / kHour;
  if (hours > 0) {
    const TimeRange range{part.range.end - hours * kHour + kHour, part.range.end};
    for (const Series& series : source.QueryRange(queries.Missed(kHour, step), range, kHour)) {
      for (const Point& point : series.points) add(series.labels, point.value);
    }
    for (const auto& [labels, value] : ValuesOf(source.Query(queries.MissedNow(), part.range.end))) add(labels, value);
  } else {
    Values last = ValuesOf(source.Query(queries.MissedNow(), part.range.end));
    for (const auto& [labels, value] :
         ValuesOf(source.Query(queries.Missed(part.range.length(), step), part.range.end)))
      last[labels] = std::max(last.contains(labels) ? last[labels] : value, value);
    for (const auto& [labels, value] : last) add(labels, value);
  }
  return missed;
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
      const Duration before = std::min(period.begin - StartOf(run), kDay);
      first = ValuesOf(source.Query(queries.LastOf(counter, by, before), period.begin));
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

std::uint64_t MissedSessions(Source& source, const Queries& queries, const std::vector<Run>& runs,
                             const std::vector<Time>& losses, TimeRange period, Duration step) {
  double missed = 0;
  for (const Run& run : runs) {
    for (const Part& part : PartsOf(run, losses, period)) missed += MissedIn(source, queries, part, period, step);
  }
  return static_cast<std::uint64_t>(std::llround(missed));
}

}  // namespace pgtls::evidence
