#include "exporter/evidence/collect.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <iterator>
#include <map>
#include <utility>

#include "exporter/evidence/increase.h"
#include "exporter/evidence/losses.h"
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

// One exporter as it watched the server.
struct Watch {
  Exporter exporter;
  TimeRange extent;      // from its first sample to its last, give or take an hour
  Duration step{0};      // shorter than the scrape interval: there is a step for each sample
  Duration interval{0};  // between two good samples
  std::vector<Run> runs;
  std::vector<Missing> missing;
  std::vector<Loss> losses;                        // by step, also of the time before the period
  std::vector<std::pair<Reason, TimeRange>> lost;  // the losses that are gaps
};

// The period in equal parts of a day at most, by the end of each.
struct Parts {
  explicit Parts(TimeRange period)
      : begin(period.begin),
        count((period.length() + kDay - Duration(1)) / kDay),
        length(period.length() / count),
        ends{period.end - (count - 1) * length, period.end} {}
  TimeRange PartAt(Time end) const { return {std::max(begin, end - length), end}; }

  Time begin;
  Duration::rep count;
  Duration length;
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

void AddMissing(const std::vector<Series>& answer, Watch& watch) {
  for (const Series& series : answer) {
    const Reason reason{std::string(series.label("why")), watch.exporter, std::string(series.label("part")),
                        std::string(series.label("reason"))};
    auto found = std::ranges::find(watch.missing, reason, &Missing::reason);
    if (found == watch.missing.end()) found = watch.missing.insert(found, {reason, {}});
    std::ranges::transform(series.points, std::back_inserter(found->at), &Point::time);
  }
}

// Sets GoodSample::losses. Returns the number of losses of the server's own count in the period.
std::uint64_t AddLosses(bool follows_log, TimeRange period, std::vector<GoodSample>& samples, Watch& watch) {
  auto loss = watch.losses.begin();
  const auto counts = [&](const Loss& one) { return !follows_log || !IsInLog(one); };
  double losses = 0;
  for (GoodSample& sample : samples) {
    for (; loss != watch.losses.end() && loss->step <= sample.at; ++loss) losses += counts(*loss) ? 1 : 0;
    sample.losses = losses;
  }
  std::uint64_t in_period = 0;
  for (const Loss& one : watch.losses) {
    if (one.step < watch.extent.begin) continue;
    const TimeRange range = RangeOf(one, samples);
    if (counts(one)) watch.lost.push_back({{one.reason, watch.exporter, "", ""}, range});
    if (IsInLog(one) && range.end > period.begin && range.begin < period.end) ++in_period;
  }
  return in_period;
}

void Observe(Source& source, const Queries& queries, bool counted, TimeRange period, Watch& watch,
             ExporterEvidence& evidence) {
  std::vector<GoodSample> samples;
  std::vector<Point> starts;
  const TimeRange before{watch.extent.begin - kLossesBefore, watch.extent.begin - watch.step};
  LossFinder finder(before.begin);
  const auto find_losses = [&](TimeRange range, const std::vector<Point>& start) {
    finder.Add(source.QueryRange(queries.Losses(), range, watch.step), start);
  };
  const auto earlier = Points(source.QueryRange(queries.CountedSince(), before, watch.step));
  find_losses(before, earlier);
  ForEachPage(watch, [&](TimeRange page) {
    const auto start = Points(source.QueryRange(queries.CountedSince(), page, watch.step));
    const auto collected = Points(source.QueryRange(queries.Collected(), page, watch.step));
    AddGood(Points(source.QueryRange(queries.Good(counted), page, watch.step)), collected, start, samples);
    AddMissing(source.QueryRange(queries.WhyNot(counted), page, watch.step), watch);
    find_losses(page, start);
    starts.insert(starts.end(), start.begin(), start.end());
    return true;
  });
  watch.losses = finder.Take();
  evidence.losses = AddLosses(evidence.follows_log, period, samples, watch);
  watch.runs = RunsOf(starts);
  if (!watch.runs.empty()) {
    const auto same = std::ranges::find(earlier, watch.runs.front().since, &Point::value);
    if (same != earlier.end()) watch.runs.front().first = same->time;
  }
  watch.interval = UsualDistance(samples);
  evidence.observed = Clipped(Observed(samples, watch.step, watch.extent), period);
}

// Samples without the start of the counters (of an earlier version) are a run that started before the period.
std::vector<Run> AllRuns(const Watch& watch) {
  std::vector<Run> runs = watch.runs;
  const Time end = runs.empty() ? watch.extent.end : runs.front().range.begin - watch.step;
  if (end > watch.extent.begin) runs.insert(runs.begin(), {{watch.extent.begin, end}, 0, watch.extent.begin});
  return runs;
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
  Observe(source, queries, counted, period, watch, evidence);
  const std::vector<Run> runs = AllRuns(watch);

  const auto sum = [&](const std::string& counter, std::string_view by = "") {
    return Increase(source, queries, counter, by, runs, period);
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
    evidence.missed = MissedSessions(source, queries, runs, losses, period, watch.step);
  }
  evidence.seen = counts("pg_tls_sessions_total", "network", "encryption");
  evidence.unencrypted = counts("pg_tls_unencrypted_sessions_total", "network", "allowed");
  const Parts parts(period);
  // What was open when the period began is in the last sample before it.
  for (const Point& point : Points(source.Query(queries.OpenNow(), period.begin)))
    evidence.most_open = Whole(point.value);
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
    for (const auto& [reason, range] : watch.lost) {
      const bool meets = range.begin < gap.end && range.end >= gap.begin;
      if (meets && std::ranges::find(own, reason) == own.end()) own.push_back(reason);
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

// With what was open when the period began, which is in the last sample before it.
std::vector<Series> OpenClients(Source& source, const Queries& queries, const Parts& parts) {
  constexpr std::string_view kGauge = "pg_tls_unencrypted_connections";
  std::vector<Series> clients = source.QueryRange(queries.Clients(kGauge, parts.length), parts.ends, parts.length);
  for (const Series& open : source.Query(queries.ClientsNow(kGauge), parts.begin)) {
    auto client = std::ranges::find(clients, open.labels, &Series::labels);
    if (client == clients.end()) client = clients.insert(clients.end(), {open.labels, {}});
    client->points.insert(client->points.begin(), open.points.begin(), open.points.end());
  }
  return clients;
}

std::vector<Series> LoggedClients(Source& source, const Queries& queries, const Parts& parts) {
  return source.QueryRange(queries.Clients("pg_tls_logged_unencrypted_clients", parts.length), parts.ends,
                           parts.length);
}

void AddClients(std::vector<Series> found, bool logged, const Parts& parts, std::vector<Client>& clients) {
  for (Series& series : found) {
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
  const Parts parts(period);
  AddClients(OpenClients(source, queries, parts), false, parts, evidence.clients);
  // Without a session in the log, the gauge has those of the time before the period.
  const auto has_logged = [](const ExporterEvidence& exporter) {
    return std::ranges::any_of(exporter.logged_unencrypted, [](const auto& count) { return count.second > 0; });
  };
  if (std::ranges::any_of(evidence.exporters, has_logged))
    AddClients(LoggedClients(source, queries, parts), true, parts, evidence.clients);
  evidence.exemptions = Exemptions(source, queries, period);
  evidence.in_force = ExemptionsInForce(source, queries, parts, evidence.exemptions);
  evidence.certificates = Certificates(source, queries, parts);
  return evidence;
}

}  // namespace pgtls::evidence
