#include "tests/bench/soak_watch.h"

#include <cstdio>
#include <sstream>

#include "tests/support/process.h"

namespace pgtls::bench {
namespace {

constexpr double kSlack = 1;  // seconds between a client's "connected" and the server's own view of it, and two clocks
constexpr int kPromtoolLint = 3;

std::string Of(const char* metric, const std::string& server, const std::string& more = "") {
  return std::string(metric) + "{server=\"" + server + "\"" + more;
}

constexpr const char* kSessionsCollector = ",collector=\"sessions\"}";
constexpr const char* kPlainUser = ",database=\"postgres\",user=\"plain\"";

}  // namespace

double Now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

void Held::Opening(std::size_t cluster) {
  const std::lock_guard lock(mutex_);
  ++attempts_[cluster];
}

void Held::Opened(std::size_t cluster) {
  const std::lock_guard lock(mutex_);
  spans_[cluster].push_back({Now(), std::nullopt});
}

void Held::Closing(std::size_t cluster) {
  const std::lock_guard lock(mutex_);
  auto& spans = spans_[cluster];
  if (!spans.empty() && !spans.back().to) spans.back().to = Now();
}

std::vector<Held::Span> Held::Spans(std::size_t cluster) const {
  const std::lock_guard lock(mutex_);
  return spans_[cluster];
}

int Held::Attempts(std::size_t cluster) const {
  const std::lock_guard lock(mutex_);
  return attempts_[cluster];
}

Series ParseSeries(const std::string& page) {
  Series series;
  std::istringstream in(page);
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line.front() == '#') continue;
    const std::size_t space = line.rfind(' ');
    series[line.substr(0, space)] = std::stod(line.substr(space + 1));
  }
  return series;
}

double SumOf(const Series& series, const std::string& prefix) {
  double sum = 0;
  for (auto at = series.lower_bound(prefix); at != series.end() && at->first.starts_with(prefix); ++at)
    sum += at->second;
  return sum;
}

void Violations::Add(const std::string& what) {
  const std::lock_guard lock(mutex_);
  if (++count_ <= 100) first_.push_back(std::to_string(Now()) + " " + what);
}

std::size_t Violations::Print() const {
  const std::lock_guard lock(mutex_);
  for (const auto& what : first_) std::fprintf(stderr, "VIOLATION %s\n", what.c_str());
  return count_;
}

void Watcher::Look(const std::string& page) {
  ++pages_;
  const auto check = support::RunProcess({"promtool", "check", "metrics"}, {.input = page});
  if (check.exit_code != 0 && check.exit_code != kPromtoolLint) violations_.Add("promtool: " + check.err);
  const Series series = ParseSeries(page);
  CountersNeverFall(series);
  HeldClientsAreThere(series);
}

void Watcher::CountersNeverFall(const Series& series) {
  for (const char* name : {"pg_tls_sessions_total{", "pg_tls_unencrypted_sessions_total{"}) {
    for (auto at = series.lower_bound(name); at != series.end() && at->first.starts_with(name); ++at) {
      double& last = counters_[at->first];
      if (at->second < last) {
        violations_.Add(at->first + " fell from " + std::to_string(last) + " to " + std::to_string(at->second));
      }
      last = at->second;
    }
  }
}

void Watcher::HeldClientsAreThere(const Series& series) {
  for (std::size_t place = 0; place < places_.size(); ++place) {
    const auto& [server, cluster] = places_[place];
    const auto value = [&](const char* metric) {
      const auto at = series.find(Of(metric, server, kSessionsCollector));
      return at == series.end() ? std::nullopt : std::optional(at->second);
    };
    const bool shown = SumOf(series, Of("pg_tls_unencrypted_connections", server, kPlainUser)) > 0;
    const auto success = value("pg_tls_collector_success");
    if (success != 1) {
      if (shown) violations_.Add(server + ": series of a collection that failed");
      continue;
    }
    const double seen = value("pg_tls_collector_last_success_timestamp_seconds").value_or(0);
    const double began = seen - value("pg_tls_collector_duration_seconds").value_or(0);
    const auto spans = held_.Spans(cluster);
    for (std::size_t i = 0; i < spans.size(); ++i) {
      if (began < spans[i].from + kSlack || (spans[i].to && seen >= *spans[i].to)) continue;
      ++findings_;
      confirmed_[place].insert(i);
      if (!shown) violations_.Add(server + ": an open unencrypted client is not on the page");
    }
    // The first span began before the exporter did: nobody counts it.
    const double total = SumOf(series, Of("pg_tls_sessions_total", server, kPlainUser));
    const double opened = static_cast<double>(held_.Attempts(cluster)) - 1;
    const double least = static_cast<double>(confirmed_[place].size() - confirmed_[place].count(0));
    if (total < least || total > opened) {
      violations_.Add(server + ": pg_tls_sessions_total of plain is " + std::to_string(total) + ", expected between " +
                      std::to_string(least) + " and " + std::to_string(opened));
    }
  }
}

}  // namespace pgtls::bench
