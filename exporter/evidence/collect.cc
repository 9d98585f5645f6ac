#include "exporter/evidence/collect.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <iterator>
#include <map>
#include <utility>

#include "exporter/evidence/increase.h"
#include "exporter/evidence/observation.h"

namespace pgtls::evidence {
namespace {

constexpr Duration kHour = std::chrono::hours(1);
constexpr Duration kDay = std::chrono::hours(24);
constexpr Duration kMinutes = std::chrono::minutes(5);  // the window of Queries::Exporters
constexpr Duration kShortestStep{500};

// When something was missing, by what.
struct Missing {
  Reason reason;
  std::vector<Time> at;
};

// When sessions may have been counted by nobody.
struct Loss {
  std::string reason;
  Time step;       // at which it was known
  Time collected;  // the sessions, for the first time since
};

// Only a change of the server loses what the server's log has, too.
bool IsInLog(const Loss& loss) { return loss.reason != "server_changed"; }

// One exporter as it watched the server.
struct Watch {
  Exporter exporter;
  TimeRange extent;      // from its first sample to its last, give or take an hour
  Duration step{0};      // shorter than the scrape interval: there is a step for each sample
  Duration interval{0};  // between two good samples
  std::vector<Run> runs;
  std::vector<Missing> missing;
  std::vector<Loss> losses;  // by time, also of the time before the period
};

// The period in equal parts of a day at most, by the end of each. The first one has the last sample before the period,
// too, which is of what was open when it began. `interval`: between two samples.
struct Parts {
  Parts(TimeRange period, Duration interval) : begin(period.begin) {
    const Duration whole = period.length() + interval * 3 / 2;
    count = (whole + kDay - Duration(1)) / kDay;
    length = whole / count;
    ends = {period.end - (count - 1) * length, period.end};
  }
  // What is in it of the period.
  TimeRange PartAt(Time end) const { return {std::max(begin, end - length), end}; }

  Time begin;
  Duration::rep count;
  Duration length{0};
  TimeRange ends;
};

// `asked`: the period, and what came after it.
std::vector<Watch> FindExporters(Source& source, const std::string& server, TimeRange asked) {
  const auto hours = (asked.length() + kHour - Duration(1)) / kHour;
  const TimeRange range{asked.end - (hours - 1) * kHour, asked.end};
  std::vector<Watch> watches;
  for (const Series& series : source.QueryRange(Queries::Exporters(server, kHour), range, kHour)) {
    if (series.points.empty()) continue;
    Watch watch{.exporter = {std::string(series.label("job")), std::string(series.label("instance"))}};
    watch.extent = {std::max(asked.begin, series.points.front().time - kHour), series.points.back().time};
    const double most = std::ranges::max(series.points, {}, &Point::value).value;
    watch.step = std::max(kShortestStep, Duration(static_cast<Duration::rep>(static_cast<double>(kMinutes.count()) /
                                                                             (std::max(most, 1.0) + 1))));
    if (watch.extent.begin < watch.extent.end) watches.push_back(std::move(watch));
  }
  std::ranges::sort(watches, {}, &Watch::exporter);
  return watches;
}

// Each part of the extent of which Prometheus answers with every step; false stops.
void ForEachPage(const Watch& watch, const std::function<bool(TimeRange page)>& ask) {
  for (Time begin = watch.extent.begin; begin <= watch.extent.end; begin += Source::kMostSteps * watch.step) {
    const TimeRange page{begin, std::min(begin + (Source::kMostSteps - 1) * watch.step, watch.extent.end)};
    if (!ask(page)) return;
  }
}

// The one series of a query without labels.
std::vector<Point> Points(std::vector<Series> answer) {
  return answer.empty() ? std::vector<Point>() : std::move(answer.front().points);
}

Time TimeOf(double seconds) { return Time(Duration(std::llround(seconds * 1000))); }

// Goes through the points of one series in the order of their times.
class Follower {
 public:
  explicit Follower(const std::vector<Point>& points) : point_(points.begin()), end_(points.end()) {}

  std::optional<double> At(Time time) {
    while (point_ != end_ && point_->time < time) ++point_;
    return point_ != end_ && point_->time == time ? std::optional(point_->value) : std::nullopt;
  }

 private:
  std::vector<Point>::const_iterator point_;
  std::vector<Point>::const_iterator end_;
};

void AddGood(const std::vector<Point>& good, const std::vector<Point>& collections, const std::vector<Point>& starts,
             std::vector<GoodSample>& samples) {
  Follower collection_of(collections);
  Follower start_of(starts);
  for (const Point& point : good) {
    const std::optional<double> collection = collection_of.At(point.time);
    const std::optional<double> start = start_of.At(point.time);
    if (!collection || !start) continue;
    const Time sample = TimeOf(point.value);
    samples.push_back({point.time, sample, std::min(sample, TimeOf(*collection)), *start});
  }
}

// Follows how often each reason was counted, from one answer to the next.
class LossFinder {
 public:
  void Add(const std::vector<Series>& counters, const std::vector<Point>& collections, std::vector<Loss>& losses) {
    for (const Series& counter : counters) {
      const std::string reason(counter.label("reason"));
      Follower collection_of(collections);
      for (const Point& point : counter.points) {
        const auto [last, is_first] = counts_.try_emplace(reason, point.value);
        if (!is_first && point.value > last->second) {
          const std::optional<double> collection = collection_of.At(point.time);
          losses.push_back({reason, point.time, collection ? TimeOf(*collection) : point.time});
        }
        last->second = point.value;
      }
    }
  }

 private:
  std::map<std::string, double> counts_;
};

std::vector<Time>& TimesOf(const Reason& reason, Watch& watch) {
  const auto found = std::ranges::find(watch.missing, reason, &Missing::reason);
  return found == watch.missing.end() ? watch.missing.emplace_back(reason).at : found->at;
}

void AddMissing(const std::vector<Series>& answer, Watch& watch) {
  for (const Series& series : answer) {
    const Reason reason{std::string(series.label("why")), watch.exporter, std::string(series.label("part")),
                        std::string(series.label("reason"))};
    std::ranges::transform(series.points, std::back_inserter(TimesOf(reason, watch)), &Point::time);
  }
}

// What was lost before a sample is lost for it.
void AddLosses(bool follows_log, std::vector<GoodSample>& samples, Watch& watch) {
  std::ranges::sort(watch.losses, {}, &Loss::step);
  for (const Loss& loss : watch.losses) {
    if (follows_log && IsInLog(loss)) continue;
    TimesOf({loss.reason, watch.exporter, "", ""}, watch).push_back(loss.collected);
    for (GoodSample& sample : samples) sample.losses += sample.at >= loss.step ? 1 : 0;
  }
}

TimeRanges Observe(Source& source, const Queries& queries, bool counted, bool follows_log, Watch& watch) {
  std::vector<GoodSample> samples;
  std::vector<Point> starts;
  LossFinder losses;
  const TimeRange before{watch.extent.begin - kLossesBefore, watch.extent.begin - watch.step};
  losses.Add(source.QueryRange(queries.Losses(), before, watch.step), {}, watch.losses);
  ForEachPage(watch, [&](TimeRange page) {
    const auto start = Points(source.QueryRange(queries.CountedSince(), page, watch.step));
    const auto collected = Points(source.QueryRange(queries.Collected(), page, watch.step));
    AddGood(Points(source.QueryRange(queries.Good(counted), page, watch.step)), collected, start, samples);
    AddMissing(source.QueryRange(queries.WhyNot(), page, watch.step), watch);
    losses.Add(source.QueryRange(queries.Losses(), page, watch.step), collected, watch.losses);
    starts.insert(starts.end(), start.begin(), start.end());
    return true;
  });
  AddLosses(follows_log, samples, watch);
  watch.runs = RunsOf(starts);
  watch.interval = UsualDistance(samples);
  // Without the time of its start: as one that counted before the period.
  if (watch.runs.empty()) watch.runs = {{watch.extent, 0}};
  return Observed(samples, watch.step, watch.extent);
}

bool FollowsLog(Source& source, const Queries& queries, bool counted, const Watch& watch) {
  bool follows = true;
  ForEachPage(watch, [&](TimeRange page) {
    follows = Points(source.QueryRange(queries.NotLogged(counted), page, watch.step)).empty();
    return follows;
  });
  return follows;
}

std::uint64_t Whole(double value) { return value < 0 ? 0 : static_cast<std::uint64_t>(std::llround(value)); }

ExporterEvidence CollectFrom(Source& source, const std::string& server, TimeRange period, Watch& watch) {
  const Queries queries(server, watch.exporter);
  ExporterEvidence evidence{.exporter = watch.exporter};
  const auto has = [&](std::string_view metric) {
    return !source.Query(queries.Has(metric, watch.extent.length()), watch.extent.end).empty();
  };
  const bool counted = has("pg_tls_established_sessions_total");
  const bool is_logged = has("pg_tls_logged_unencrypted_sessions_total");
  evidence.follows_log = is_logged && FollowsLog(source, queries, counted, watch);
  evidence.observed = Clipped(Observe(source, queries, counted, evidence.follows_log, watch), period);

  const auto sum = [&](const std::string& counter, std::string_view by = "") {
    return Increase(source, queries, counter, by, watch.runs, period);
  };
  const auto counts = [&](const std::string& counter, const char* first, const char* second) {
    Counts result;
    for (const Series& series : sum(counter, std::string(first) + ", " + second)) {
      result[{std::string(series.label(first)), std::string(series.label(second))}] = Whole(series.points.back().value);
    }
    return result;
  };
  if (counted) {
    for (const Series& series : sum("pg_tls_established_sessions_total"))
      evidence.established = Whole(series.points.back().value);
    std::vector<Time> losses;
    std::ranges::transform(watch.losses, std::back_inserter(losses), &Loss::step);
    evidence.missed = MissedSessions(source, queries, watch.runs, losses, period, watch.step);
    evidence.losses = static_cast<std::uint64_t>(std::ranges::count_if(
        watch.losses, [&](const Loss& loss) { return IsInLog(loss) && loss.step >= watch.extent.begin; }));
  }
  evidence.seen = counts("pg_tls_sessions_total", "network", "encryption");
  evidence.unencrypted = counts("pg_tls_unencrypted_sessions_total", "network", "allowed");
  const Parts parts(period, watch.interval);
  for (const Point& point : Points(source.QueryRange(queries.MostOpen(parts.length), parts.ends, parts.length)))
    evidence.most_open = std::max(evidence.most_open, Whole(point.value));
  if (is_logged) {
    evidence.logged = 0;
    for (const Series& series : sum("pg_tls_logged_sessions_total", "encryption")) {
      const std::uint64_t sessions = Whole(series.points.back().value);
      *evidence.logged += sessions;
      if (series.label("encryption") == "unknown") evidence.logged_unknown += sessions;
    }
    evidence.logged_unencrypted = counts("pg_tls_logged_unencrypted_sessions_total", "network", "allowed");
  }
  return evidence;
}

bool AnyIn(const std::vector<Time>& times, TimeRange range) {
  const auto found = std::ranges::lower_bound(times, range.begin);
  return found != times.end() && *found <= range.end;
}

std::vector<Reason> ReasonsOf(TimeRange gap, const std::vector<Watch>& watches) {
  std::vector<Reason> reasons;
  for (const Watch& watch : watches) {
    std::vector<Reason> own;
    for (const Missing& missing : watch.missing) {
      if (AnyIn(missing.at, gap)) own.push_back(missing.reason);
    }
    // Where nothing answers, nothing is counted.
    if (own.size() > 1) std::erase_if(own, [](const Reason& reason) { return reason.why == "sessions_absent"; });
    for (std::size_t i = 1; i < watch.runs.size(); ++i) {
      if (watch.runs[i - 1].range.end >= gap.begin - watch.step && watch.runs[i].range.begin <= gap.end + watch.step)
        own.push_back({"exporter_restarted", watch.exporter, "", ""});
    }
    reasons.insert(reasons.end(), own.begin(), own.end());
  }
  if (reasons.empty()) reasons.push_back({"no_samples", {}, "", ""});
  return reasons;
}

// From the first part of the period that has a value to the last.
TimeRange SeenIn(const Series& series, const Parts& parts) {
  return {parts.PartAt(series.points.front().time).begin, series.points.back().time};
}

void AddClients(Source& source, const Queries& queries, bool logged, const Parts& parts, std::vector<Client>& clients) {
  const char* const gauge = logged ? "pg_tls_logged_unencrypted_clients" : "pg_tls_unencrypted_connections";
  for (Series& series : source.QueryRange(queries.Clients(gauge, parts.length), parts.ends, parts.length)) {
    std::erase_if(series.points, [](const Point& point) { return !(point.value > 0); });
    if (series.points.empty()) continue;
    const auto label = [&](const char* name) { return std::string(series.label(name)); };
    clients.push_back({.logged = logged,
                       .database = label("database"),
                       .user = label("user"),
                       .address = label("client_addr"),
                       .network = label("network"),
                       .allowed = label("allowed") == "true",
                       .most = Whole(std::ranges::max(series.points, {}, &Point::value).value),
                       .seen = SeenIn(series, parts)});
  }
}

std::vector<Exemption> Exemptions(Source& source, const Queries& queries, TimeRange period) {
  std::vector<Exemption> exemptions;
  for (const Series& series : source.Query(queries.Exemptions(period.length()), period.end))
    exemptions.push_back({std::string(series.label("exemption")), TimeOf(series.points.back().value)});
  return exemptions;
}

// By name. An exemption that is in no answer about those in force was in force where it allowed a connection.
std::vector<ExemptionInForce> ExemptionsInForce(Source& source, const Queries& queries, const Parts& parts,
                                                const std::vector<Exemption>& ends) {
  std::map<std::string, ExemptionInForce> exemptions;
  const auto find = [&](const Series& series) -> ExemptionInForce& {
    const std::string name(series.label("exemption"));
    return exemptions.try_emplace(name, ExemptionInForce{.name = name, .in_force = SeenIn(series, parts)})
        .first->second;
  };
  for (const Series& series : source.QueryRange(queries.ExemptionsInForce(parts.length), parts.ends, parts.length)) {
    if (!series.points.empty()) find(series);
  }
  for (Series& series : source.QueryRange(queries.ExemptedClients(parts.length), parts.ends, parts.length)) {
    std::erase_if(series.points, [](const Point& point) { return !(point.value > 0); });
    if (series.points.empty()) continue;
    const auto label = [&](const char* name) { return std::string(series.label(name)); };
    find(series).clients.push_back({.database = label("database"),
                                    .user = label("user"),
                                    .address = label("client_addr"),
                                    .most = Whole(std::ranges::max(series.points, {}, &Point::value).value),
                                    .seen = SeenIn(series, parts)});
  }
  for (const Exemption& exemption : ends) {
    const auto found = exemptions.find(exemption.name);
    if (found != exemptions.end()) found->second.end = exemption.end;
  }
  std::vector<ExemptionInForce> in_force;
  for (auto& [name, exemption] : exemptions) in_force.push_back(std::move(exemption));
  return in_force;
}

std::vector<Certificate> Certificates(Source& source, const Queries& queries, const Parts& parts) {
  std::vector<Certificate> certificates;
  const Duration step = std::clamp(parts.length / 10, Duration(1000), kMinutes);
  const auto ask = [&](std::string_view bound) {
    return source.QueryRange(queries.Certificates(bound, parts.length, step), parts.ends, parts.length);
  };
  std::map<std::string, Time, std::less<>> begins;
  for (const Series& series : ask("not_before")) {
    if (!series.points.empty()) begins.emplace(series.label("fingerprint_sha256"), TimeOf(series.points.back().value));
  }
  for (const Series& series : ask("not_after")) {
    if (series.points.empty()) continue;
    const auto begin = begins.find(series.label("fingerprint_sha256"));
    const auto label = [&](const char* name) { return std::string(series.label(name)); };
    certificates.push_back({label("host"), label("subject"), label("issuer"), label("serial"),
                            label("fingerprint_sha256"), label("key_algorithm") + " " + label("key_size"),
                            begin == begins.end() ? std::nullopt : std::optional(begin->second),
                            TimeOf(series.points.back().value), SeenIn(series, parts)});
  }
  std::ranges::sort(certificates, {}, [](const Certificate& one) { return std::pair(one.host, one.seen.begin); });
  return certificates;
}

}  // namespace

std::vector<std::string> FindServers(Source& source, TimeRange period) {
  std::vector<std::string> servers;
  for (const Series& series : source.Query(Queries::Servers(period.length()), period.end)) {
    servers.emplace_back(series.label("server"));
  }
  std::ranges::sort(servers);
  return servers;
}

ServerEvidence Collect(Source& source, const std::string& server, TimeRange period, Time now) {
  ServerEvidence evidence{.server = server, .period = period};
  std::vector<Watch> watches = FindExporters(source, server, {period.begin, now});
  evidence.known = !watches.empty();
  std::vector<TimeRange> observed;
  for (Watch& watch : watches) {
    evidence.exporters.push_back(CollectFrom(source, server, period, watch));
    evidence.resolution = std::max(evidence.resolution, watch.interval);
    const TimeRanges& ranges = evidence.exporters.back().observed;
    observed.insert(observed.end(), ranges.begin(), ranges.end());
  }
  evidence.observed = Union(std::move(observed));
  for (const TimeRange& gap : Complement(evidence.observed, period))
    evidence.gaps.push_back({gap, ReasonsOf(gap, watches)});

  const Queries queries(server, {});
  const Parts parts(period, evidence.resolution);
  AddClients(source, queries, false, parts, evidence.clients);
  // Without a session in the log, the gauge has those of the time before the period.
  const auto has_logged = [](const ExporterEvidence& exporter) {
    return std::ranges::any_of(exporter.logged_unencrypted, [](const auto& count) { return count.second > 0; });
  };
  if (std::ranges::any_of(evidence.exporters, has_logged)) AddClients(source, queries, true, parts, evidence.clients);
  evidence.exemptions = Exemptions(source, queries, period);
  evidence.in_force = ExemptionsInForce(source, queries, parts, evidence.exemptions);
  evidence.certificates = Certificates(source, queries, parts);
  return evidence;
}

}  // namespace pgtls::evidence
