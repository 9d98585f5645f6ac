// A soak: one exporter, 120 servers, and for a while everything befalls them that befalls real ones, under clients that
// come and go and scrapes in parallel. What must hold is looked at on every page; exit 1 where something did not.
//   soak PATH_OF_PG_TLS_EXPORTER [SECONDS [SEED]]      (default 600, a random seed, which is printed)
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "tests/bench/exporter.h"
#include "tests/bench/fleet.h"
#include "tests/bench/measure.h"
#include "tests/bench/program.h"
#include "tests/bench/soak_churn.h"
#include "tests/bench/soak_settle.h"
#include "tests/bench/soak_spans.h"
#include "tests/bench/soak_storm.h"
#include "tests/bench/soak_watch.h"

namespace pgtls::bench {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kServers = 120;
constexpr seconds kWarmUp{10};
constexpr seconds kLong{60};   // then some outages outlast the watcher's patience
constexpr seconds kQuiet{10};  // the longest interval
constexpr double kMemoryGrowth = 1.2;
constexpr int kClusters = 6;

constexpr const char* kCollectors =
    "collectors:\n"
    "  sessions: {interval: 1s, timeout: 2s}\n"
    "  settings: {interval: 5s, timeout: 2s}\n"
    "  hba: {interval: 5s, timeout: 2s}\n"
    "  endpoint: {interval: 10s, timeout: 5s, enforcement_interval: 30s}\n"
    "  certificates: {interval: 10s, timeout: 5s}\n";

// The exporter is reconfigured to this and back.
constexpr const char* kPolicy = "policy:\n  allow_unencrypted:\n    - {name: visitors, user: churn}\n";

std::vector<Watcher::Place> Places(const Fleet& fleet) {
  std::vector<Watcher::Place> places;
  for (int i = 0; i < fleet.size(); ++i) {
    places.push_back({fleet.Name(i), static_cast<std::size_t>(i) % fleet.clusters().size()});
  }
  return places;
}

class Soak {
 public:
  Soak(const std::string& program, seconds duration, unsigned seed)
      : duration_(duration),
        seed_(seed),
        config_(kCollectors + fleet_.Config(fleet_.size(), fleet_.root())),
        exporter_(program, config_) {}

  // The exit status.
  int Run() {
    try {
      if (duration_ >= kLong) watcher_.ExpectLongOutages();
      Storms();
    } catch (const Gone&) {
      findings_.Violation("the exporter lives");
    } catch (const std::exception& error) {
      findings_.Violation("the soak can be made", error.what());
    }
    Farewell();
    return findings_.Conclude() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
  }

 private:
  struct Gone {};  // the exporter is

  struct Level {
    int files;
    double resident_mb;
  };

  void Storms() {
    settled_.PagesAreTrue();
    // What it takes once for all that can happen is no leak.
    Rage(kWarmUp);
    settled_.EverythingIsBack();
    const Level before = Quiet();

    Rage(duration_);
    const double recovery_s = settled_.EverythingIsBack();
    settled_.NewSessionsAreCountedOnce();
    settled_.PagesAreTrue();
    settled_.NoConnectionIsLeft();
    const Level after = Quiet();
    Report(before, after, recovery_s);
  }

  // A storm, from one calm to the next.
  void Rage(seconds duration) {
    std::atomic<bool> stop{false};
    const Churn churn(fleet_, history_, ++seed_);
    const Scrapes scrapes(exporter_, fleet_, findings_);
    std::thread watching([&] {
      while (!stop) {
        watcher_.Look();
        std::this_thread::sleep_for(milliseconds(300));
      }
    });
    try {
      Paced(duration, milliseconds(400), [&] {
        if (exporter_.Runs()) storm_.Step();
      });
      storm_.Calm();
    } catch (const std::exception& error) {
      findings_.Violation("the storm can be made", error.what());
    }
    stop = true;
    watching.join();
    churned_ += churn.opened();
    if (!exporter_.Runs()) throw Gone();
  }

  // The least of a while: probes and scrapes take what they need for a moment.
  Level Quiet() const {
    Level least{.files = OpenFiles(exporter_.pid()), .resident_mb = ResidentMb(exporter_.pid())};
    Paced(kQuiet, milliseconds(100), [&] {
      least.files = std::min(least.files, OpenFiles(exporter_.pid()));
      least.resident_mb = std::min(least.resident_mb, ResidentMb(exporter_.pid()));
    });
    return least;
  }

  void Report(const Level& before, const Level& after, double recovery_s) {
    std::printf("%lld s, %d servers (addresses of %d PostgreSQL 15):", static_cast<long long>(duration_.count()),
                kServers, kClusters);
    for (std::size_t i = 0; i < kBlowNames.size(); ++i) {
      std::printf("%s %s %d", i == 0 ? "" : ",", kBlowNames.at(i), storm_.counts().at(i));
      if (storm_.counts().at(i) == 0) findings_.Violation("every blow falls", kBlowNames.at(i));
    }
    std::printf(
        ". %ld clients came and went, %zu pages were checked. No page called sessions a success that were "
        "older than %.1f s. Everything was up again %.0f s after the storm.\n\n",
        churned_, watcher_.pages(), watcher_.oldest_s(), recovery_s);
    TableHead("after", "before");
    Row("open files", after.files, before.files, "", 1);
    Row("resident memory", after.resident_mb, before.resident_mb, "MB", kMemoryGrowth);
    if (after.files > before.files) {
      findings_.Violation("no file is left open", fmt::format("{} after {}", after.files, before.files));
    }
    if (after.resident_mb > before.resident_mb * kMemoryGrowth) {
      findings_.Violation("memory does not grow",
                          fmt::format("{:.1f} MB after {:.1f} MB", after.resident_mb, before.resident_mb));
    }
    if (churned_ == 0) findings_.Violation("clients come");
  }

  // Its last words: nothing that it calls an error, and an end that it was asked for.
  void Farewell() {
    const auto status = exporter_.Stop();
    if (status != 0) findings_.Violation("SIGTERM ends it", status ? "exit " + std::to_string(*status) : "it runs on");
    std::istringstream log(exporter_.Log());
    for (std::string line; std::getline(log, line);) {
      if (line.find(" level=warn ") == std::string::npos) findings_.Violation("it logs no error", line);
    }
  }

  seconds duration_;
  unsigned seed_;
  Fleet fleet_{{.servers = kServers, .clusters = kClusters, .sessions = 5, .groups = 5}};
  std::string config_;
  History history_{fleet_.clusters().size()};
  Findings findings_;
  Exporter exporter_;
  Watcher watcher_{Places(fleet_), exporter_, history_, findings_};
  Storm storm_{fleet_, exporter_, {config_, config_ + kPolicy}, history_, seed_};
  Settled settled_{fleet_, history_, watcher_, findings_};
  long churned_ = 0;
};

}  // namespace
}  // namespace pgtls::bench

int main(int argc, char** argv) {
  return pgtls::bench::RunProgram(
      argc, argv, "soak PATH_OF_PG_TLS_EXPORTER [SECONDS [SEED]]", [](const std::vector<std::string>& arguments) {
        const int duration = arguments.size() > 1 ? std::stoi(arguments[1]) : 600;
        const unsigned seed =
            arguments.size() > 2 ? static_cast<unsigned>(std::stoul(arguments[2])) : std::random_device{}();
        std::printf("seed %u\n\n", seed);
        std::fflush(stdout);
        pgtls::bench::AllowAllFiles();
        return pgtls::bench::Soak(arguments[0], std::chrono::seconds(duration), seed).Run();
      });
}
