// A soak: one exporter, 120 servers, and for a while everything befalls them that befalls real ones, under clients that
// come and go and scrapes in parallel. What must hold is looked at on every page; exit 1 where something did not.
//   soak PATH_OF_PG_TLS_EXPORTER [SECONDS [SEED]]      (default 600, a random seed, which is printed)
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <random>
#include <thread>

#include "tests/bench/exporter.h"
#include "tests/bench/fleet.h"
#include "tests/bench/measure.h"
#include "tests/bench/program.h"
#include "tests/bench/soak_storm.h"
#include "tests/bench/soak_watch.h"
#include "tests/support/http_client.h"

namespace pgtls::bench {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kServers = 120;
constexpr seconds kQuiet{20};
constexpr int kClusters = 6;
constexpr int kCounted = 5;  // sessions opened on each cluster after the storm, to be counted exactly

constexpr const char* kCollectors =
    "collectors:\n"
    "  sessions: {interval: 1s, timeout: 2s}\n"
    "  settings: {interval: 5s, timeout: 2s}\n"
    "  hba: {interval: 5s, timeout: 2s}\n"
    "  endpoint: {interval: 10s, timeout: 5s, enforcement_interval: 30s}\n"
    "  certificates: {interval: 10s, timeout: 5s}\n";

struct Level {
  int files;
  double resident_mb;
};

// The least of a while: probes and scrapes take what they need for a moment.
Level Quiet(const Exporter& exporter) {
  Level least{.files = OpenFiles(exporter.pid()), .resident_mb = ResidentMb(exporter.pid())};
  Paced(kQuiet, milliseconds(100), [&] {
    least.files = std::min(least.files, OpenFiles(exporter.pid()));
    least.resident_mb = std::min(least.resident_mb, ResidentMb(exporter.pid()));
  });
  return least;
}

// A compressed page as it came, in chunks (RFC 9112, 7.1): whole, or it throws.
std::string Unpacked(const support::HttpResponse& response) {
  if (response.status != 200) throw std::runtime_error("status " + std::to_string(response.status));
  const auto coding = response.headers.find("transfer-encoding");
  if (coding == response.headers.end()) return support::Gunzip(response.body);
  std::string body;
  for (std::size_t at = 0;;) {
    const std::size_t size = std::stoul(response.body.substr(at, 20), nullptr, 16);
    if (size == 0) return support::Gunzip(body);
    at = response.body.find("\r\n", at) + 2;
    body += response.body.substr(at, size);
    at += size + 2;
  }
}

// Scrapes beside the watched ones: each server by itself, compressed pages, service discovery.
void ScrapeOn(const Exporter& exporter, const Fleet& fleet, const std::atomic<bool>& stop, Violations& violations) {
  for (int i = 0; !stop; ++i) {
    try {
      support::HttpGet(exporter.port(), "/metrics?server=" + fleet.Name(i % fleet.size()));
      const auto packed = support::HttpRequest(exporter.port(), "/metrics", "GET", "Accept-Encoding: gzip\r\n");
      if (!Unpacked(packed).ends_with('\n')) violations.Add("a page is cut");
      support::HttpGet(exporter.port(), "/sd");
    } catch (const std::exception& error) {
      if (!stop) violations.Add(std::string("a scrape failed: ") + error.what());
    }
    std::this_thread::sleep_for(milliseconds(100));
  }
}

double Seen(const Series& series, const std::string& server) {
  const std::string labels = "{server=\"" + server + "\",collector=\"sessions\"}";
  const auto at = series.find("pg_tls_collector_last_success_timestamp_seconds" + labels);
  const auto took = series.find("pg_tls_collector_duration_seconds" + labels);
  return at == series.end() || took == series.end() ? 0 : at->second - took->second;
}

double Counted(const Series& series, const std::string& server) {
  return SumOf(series, "pg_tls_sessions_total{server=\"" + server + "\",database=\"postgres\",user=\"counted\"");
}

// New sessions on every cluster: after the next collection each server has counted each of them once.
void CountExactly(const Fleet& fleet, Watcher& watcher, const Exporter& exporter, Violations& violations) {
  std::vector<support::Client> clients;
  for (const auto& cluster : fleet.clusters()) {
    for (int i = 0; i < kCounted; ++i) clients.emplace_back(cluster->Conninfo("user=counted sslmode=require"));
  }
  const double opened = Now() + 1;
  Series series;
  const bool collected = support::WaitUntil(
      [&] {
        const std::string page = exporter.Page();
        watcher.Look(page);
        series = ParseSeries(page);
        for (int i = 0; i < fleet.size(); ++i) {
          if (Seen(series, fleet.Name(i)) < opened) return false;
        }
        return true;
      },
      seconds(60));
  if (!collected) violations.Add("not every server was collected from after the storm");
  for (int i = 0; i < fleet.size(); ++i) {
    const double counted = Counted(series, fleet.Name(i));
    if (counted != kCounted) violations.Add(fleet.Name(i) + ": counted " + std::to_string(counted));
  }
}

void Report(seconds duration, const Storm& storm, const Watcher& watcher, long churned, const Level& before,
            const Level& after, double recovery_s) {
  const std::vector<const char*> names = {"kill -9",
                                          "stop",
                                          "freeze",
                                          "a backend killed",
                                          "terminated",
                                          "new certificate",
                                          "another authority's certificate",
                                          "a wrong key",
                                          "reload",
                                          "client reopened"};
  std::printf("%lld s, %d servers (addresses of %d PostgreSQL 15):", static_cast<long long>(duration.count()), kServers,
              kClusters);
  for (std::size_t i = 0; i < names.size(); ++i) {
    std::printf("%s %s %d", i == 0 ? "" : ",", names[i], storm.counts().at(i));
  }
  std::printf(
      ". %ld clients came and went, %zu pages were checked, an open unencrypted client was looked for %zu times. ",
      churned, watcher.pages(), watcher.findings());
  std::printf("Everything was up again %.0f s after the storm.\n\n", recovery_s);
  TableHead("after", "before");
  Row("open files", after.files, before.files, "", 1);
  Row("resident memory", after.resident_mb, before.resident_mb, "MB", 1.1);
}

int Run(const std::string& program, seconds duration, unsigned seed) {
  std::printf("seed %u\n\n", seed);
  std::fflush(stdout);
  AllowAllFiles();
  Fleet fleet({.servers = kServers, .clusters = kClusters, .sessions = 5, .groups = 5});
  std::vector<Watcher::Place> places;
  for (int i = 0; i < fleet.size(); ++i)
    places.push_back({fleet.Name(i), static_cast<std::size_t>(i) % fleet.clusters().size()});
  Held held(fleet.clusters().size());
  Violations violations;
  Storm storm(fleet, held, seed);
  Exporter exporter(program, kCollectors + fleet.Config(fleet.size(), fleet.root()));
  Watcher watcher(places, held, violations);
  watcher.Look(exporter.Page());
  const Level before = Quiet(exporter);

  long churned = 0;
  {
    std::atomic<bool> stop{false};
    Churn churn(fleet, seed + 1);
    std::thread scraper([&] { ScrapeOn(exporter, fleet, stop, violations); });
    std::thread watching([&] {
      while (!stop) {
        try {
          watcher.Look(exporter.Page());
        } catch (const std::runtime_error& error) {
          violations.Add(std::string("a scrape failed: ") + error.what());
        }
        std::this_thread::sleep_for(milliseconds(300));
      }
    });
    try {
      Paced(duration, milliseconds(400), [&] {
        if (exporter.Runs()) storm.Step();
      });
      storm.Calm();
    } catch (const std::runtime_error& error) {
      violations.Add(std::string("the harness: ") + error.what());
    }
    stop = true;
    watching.join();
    scraper.join();
    churned = churn.opened();
  }
  if (!exporter.Runs()) {
    std::cerr << "the exporter is gone: " << exporter.Log() << '\n';
    violations.Print();
    return 1;
  }
  const double calm = Now();
  std::string failure;
  const bool recovered = support::WaitUntil(
      [&] {
        const std::string page = exporter.Page();
        watcher.Look(page);
        failure = FirstFailure(page);
        return failure.empty();
      },
      seconds(120));
  if (!recovered) violations.Add("two minutes after the storm: " + failure);
  const double recovery_s = Now() - calm;
  CountExactly(fleet, watcher, exporter, violations);
  const Level after = Quiet(exporter);
  Report(duration, storm, watcher, churned, before, after, recovery_s);
  if (after.files > before.files) violations.Add("more files are open than before");
  if (after.resident_mb > before.resident_mb * 1.1) violations.Add("more memory is resident than before");
  const std::size_t count = violations.Print();
  std::printf("\n%zu violations\n", count);
  return count == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace pgtls::bench

int main(int argc, char** argv) {
  return pgtls::bench::RunProgram(
      argc, argv, "soak PATH_OF_PG_TLS_EXPORTER [SECONDS [SEED]]", [](const std::vector<std::string>& arguments) {
        const int duration = arguments.size() > 1 ? std::stoi(arguments[1]) : 600;
        const unsigned seed =
            arguments.size() > 2 ? static_cast<unsigned>(std::stoul(arguments[2])) : std::random_device{}();
        return pgtls::bench::Run(arguments[0], std::chrono::seconds(duration), seed);
      });
}
