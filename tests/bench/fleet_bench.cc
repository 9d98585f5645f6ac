// What a fleet costs: one exporter that watches 1,000 servers with all that it does by default, beside a bare process
// that holds the same connections, beside a server that writes the same page from a buffer, and beside Debian's
// prometheus-postgres-exporter with the same servers and the same sessions query. One run, ratios, markdown.
//   fleet_bench PATH_OF_PG_TLS_EXPORTER [SECONDS_AFTER_START_UP [SERVERS]]      (default 300 and 1,000)
//   fleet_bench --start-up PATH [SERVERS [CLUSTERS]]       only how it comes up
//   fleet_bench --overload PATH [SECONDS [ENTRIES]]        many entries for one server: more than two cores can do
//   fleet_bench --hold FILE       opens a connection for each line of the file, and keeps them
//   fleet_bench --serve FILE SERVERS   the servers alone, for a profiler, until standard input ends; FILE becomes the
//                                      configuration that watches them
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <optional>
#include <regex>
#include <thread>

#include "tests/bench/exporter.h"
#include "tests/bench/fleet.h"
#include "tests/bench/http_timing.h"
#include "tests/bench/measure.h"
#include "tests/bench/postgres_exporter.h"
#include "tests/bench/program.h"
#include "tests/bench/start_up.h"
#include "tests/support/http_client.h"

namespace pgtls::bench {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using support::Process;
using Clock = std::chrono::steady_clock;

constexpr seconds kSettled{120};  // after start-up: what is there now should be there at the end
constexpr int kScrapes = 9;
constexpr std::chrono::minutes kStartUp{15};

// ---- The bare process

int Hold(const std::string& file) {
  std::ifstream in(file);
  for (std::string conninfo; std::getline(in, conninfo);) {
    PGconn* connection = PQconnectdb(conninfo.c_str());
    if (PQstatus(connection) != CONNECTION_OK) {
      std::cerr << PQerrorMessage(connection);
      return 1;
    }
  }
  std::cout << "ready" << std::endl;
  pause();
  return 0;
}

// Resident memory of a bare process with a connection to each server.
double HeldMb(const Fleet& fleet, const std::string& root) {
  const support::TempDir dir;
  std::string lines;
  for (int i = 0; i < fleet.size(); ++i) lines += fleet.Conninfo(i, root) + "\n";
  Process process({"/proc/" + std::to_string(getpid()) + "/exe", "--hold", dir.Write("conninfos", lines)},
                  {.environment = CleanEnvironment()});
  const bool ready = support::WaitUntil(
      [&] { return process.Out().find("ready") != std::string::npos || process.ExitCode(); }, kStartUp);
  if (!ready || process.ExitCode()) throw std::runtime_error("the bare process: " + process.Err());
  return ResidentMb(process.pid());
}

// ---- The exporter

struct Sample {
  double at_s;
  double resident_mb;
  int files;
};

// Memory in kB per minute that a line through the samples climbs.
double Slope(const std::vector<Sample>& samples) {
  double n = 0, x = 0, y = 0, xx = 0, xy = 0;
  for (const Sample& s : samples) {
    n += 1, x += s.at_s, y += s.resident_mb, xx += s.at_s * s.at_s, xy += s.at_s * s.resident_mb;
  }
  return (n * xy - x * y) / (n * xx - x * x) * 1024 * 60;
}

// The least of a few samples: probes open files for a moment.
Sample Least(std::vector<Sample>::const_iterator first, std::vector<Sample>::const_iterator last) {
  Sample least = *first;
  for (auto s = first; s != last; ++s) {
    least.files = std::min(least.files, s->files);
    least.resident_mb = std::min(least.resident_mb, s->resident_mb);
  }
  return least;
}

struct Watch {
  double cpu_share;  // of one core
  double cpu_ms_per_collection;
  Sample settled;
  Sample end;
  double slope_kb_per_minute;
};

// The exporter left alone: nobody scrapes.
Watch LeaveAlone(const Fleet& fleet, const Exporter& exporter, seconds duration) {
  const long executions = fleet.Executions();
  const double cpu = CpuMs(exporter.pid());
  const auto start = Clock::now();
  const auto at = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  std::vector<Sample> samples;
  Paced(duration, seconds(1),
        [&] { samples.push_back({at(), ResidentMb(exporter.pid()), OpenFiles(exporter.pid())}); });
  const double cpu_ms = CpuMs(exporter.pid()) - cpu;
  const double elapsed_s = at();
  const long collections = fleet.Executions() - executions;
  const double settled_s = std::min<double>(kSettled.count(), elapsed_s * 0.4);
  const auto settled = std::ranges::find_if(samples, [&](const Sample& s) { return s.at_s >= settled_s; });
  const std::ptrdiff_t window = std::min<std::ptrdiff_t>(15, samples.end() - settled);
  return {.cpu_share = cpu_ms / 10 / elapsed_s,
          .cpu_ms_per_collection = cpu_ms / static_cast<double>(std::max(collections, 1L)),
          .settled = Least(settled, settled + window),
          .end = Least(samples.end() - window, samples.end()),
          .slope_kb_per_minute = Slope(std::vector<Sample>(settled, samples.end()))};
}

// ---- The page

struct Page {
  std::size_t bytes;
  std::size_t series;
  double scrape_ms;
  double cpu_ms;  // of a scrape
  double static_ms;
  double growth_mb;  // of resident memory, at most, while a scrape goes on
  double gzip_ms;
  double gzip_growth_mb;
  std::size_t gzip_bytes;
  double each_ms;  // the sum over all servers, each scraped by itself
};

double Growth(const Exporter& exporter, bool gzip) {
  ResetPeak(exporter.pid());
  const double before = ResidentMb(exporter.pid());
  Fetch(exporter.port(), "/metrics", gzip);
  return PeakResidentMb(exporter.pid()) - before;
}

Page Scrape(const Exporter& exporter) {
  Page page{};
  page.growth_mb = Growth(exporter, false);
  page.gzip_growth_mb = Growth(exporter, true);
  const std::string text = exporter.Page();
  page.bytes = text.size();
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) page.series += text[at] != '#' ? 1 : 0;
  const StaticServer fixed(text);
  std::vector<double> ours, theirs, gzip;
  double cpu = 0;
  for (int i = 0; i < kScrapes; ++i) {
    const double before = CpuMs(exporter.pid());
    ours.push_back(Fetch(exporter.port(), "/metrics").ms);
    cpu += CpuMs(exporter.pid()) - before;
    theirs.push_back(Fetch(fixed.port(), "/metrics").ms);
    const Transfer compressed = Fetch(exporter.port(), "/metrics", true);
    gzip.push_back(compressed.ms);
    page.gzip_bytes = compressed.bytes;
  }
  page.scrape_ms = Median(ours);
  page.static_ms = Median(theirs);
  page.gzip_ms = Median(gzip);
  page.cpu_ms = cpu / kScrapes;
  const std::string targets = support::HttpGet(exporter.port(), "/sd");
  const std::regex name("\"__param_server\":\"([^\"]+)\"");
  for (std::sregex_iterator i(targets.begin(), targets.end(), name), end; i != end; ++i) {
    page.each_ms += Fetch(exporter.port(), "/metrics?server=" + (*i)[1].str()).ms;
  }
  return page;
}

// ---- postgres_exporter

struct Other {
  double scrape_ms;
  double cpu_ms_per_server;
};

Other ScrapeOther(const Fleet& fleet) {
  std::string urls;
  for (int i = 0; i < fleet.size(); ++i) urls += (i == 0 ? "" : ",") + fleet.Url(i);
  const PostgresExporter exporter(PostgresExporterRelease::k0_11, SessionRowsQuery(), Scope::kSessions, urls);
  const bool listens = support::WaitUntil([&] {
    try {
      return support::HttpRequest(exporter.port, "/").status != 0;
    } catch (const std::runtime_error&) {
      return false;
    }
  });
  if (!listens) throw std::runtime_error("postgres_exporter: " + exporter.process.Err());
  Fetch(exporter.port, "/metrics");  // connects
  const double cpu = CpuMs(exporter.process.pid());
  const Transfer scrape = Fetch(exporter.port, "/metrics");
  return {.scrape_ms = scrape.ms, .cpu_ms_per_server = (CpuMs(exporter.process.pid()) - cpu) / fleet.size()};
}

// ---- The report

double Megabytes(std::size_t bytes) { return static_cast<double>(bytes) / 1024 / 1024; }

// How long it takes after a start until all sessions are known, and everything.
void PrintStartUp(const std::string& program, const Fleet& fleet) {
  const StartUp alone = MeasureStartUp(program, fleet, Only("sessions"));
  const StartUp all = MeasureStartUp(program, fleet, {});
  Row("start-up until the sessions of all servers are known, beside with the sessions collector alone", all.sessions_s,
      alone.sessions_s, "s", 1.3);
  Row("start-up until everything is known, beside the same", all.everything_s, alone.sessions_s, "s");
}

int RunStartUp(const std::string& program, int servers, int clusters) {
  AllowAllFiles();
  const Fleet fleet({.servers = servers, .clusters = clusters});
  std::printf("%d servers (addresses of %d PostgreSQL 15 with TLS).\n\n", servers, clusters);
  TableHead("all collectors", "sessions alone");
  PrintStartUp(program, fleet);
  return EXIT_SUCCESS;
}

// Each query of the sessions returns 1,000 rows, and there are as many logins as entries.
int RunOverload(const std::string& program, seconds duration, int entries) {
  AllowAllFiles();
  constexpr int kRows = 1000;
  const Fleet fleet({.servers = entries, .clusters = 1, .sessions = std::max(0, kRows - entries)});
  const Overload seen = MeasureOverload(program, fleet, duration);
  std::printf(
      "%d entries for one PostgreSQL 15 with TLS and %d sessions; sessions, settings and hba at intervals and timeouts "
      "of %.2f of the default ones, %lld s from the start.\n\n",
      entries, kRows, entries / 1000.0, static_cast<long long>(duration.count()));
  TableHead("pg_tls_exporter", "entries");
  Row("servers up, at most", seen.most_up, entries, "");
  Row("servers up, at least after that", seen.least_up, entries, "");
  Row("servers up at the end", seen.last_up, entries, "");
  Row("logins", static_cast<double>(seen.logins), entries, "");
  Row("collections of the sessions", static_cast<double>(seen.collections), entries, "");
  Row("timeouts", static_cast<double>(seen.timeouts), entries, "");
  return EXIT_SUCCESS;
}

int Run(const std::string& program, seconds duration, int servers) {
  AllowAllFiles();
  const Fleet fleet({.servers = servers, .clusters = std::max(1, servers / 50)});
  const double held_mb = HeldMb(fleet, fleet.root());
  const double held_bundle_mb = HeldMb(fleet, fleet.bundle());
  double start_up_s = 0;
  std::optional<Watch> watch;
  Page page{};
  double scraped_mb = 0;
  double end_s = 0;
  {
    Exporter exporter(program, fleet.Config(servers, fleet.root()));
    start_up_s = exporter.start_up_s();
    watch = LeaveAlone(fleet, exporter, duration);
    page = Scrape(exporter);
    scraped_mb = ResidentMb(exporter.pid());
    const auto sigterm = Clock::now();
    if (exporter.Stop() != 0) throw std::runtime_error("the exporter did not end after SIGTERM");
    end_s = std::chrono::duration<double>(Clock::now() - sigterm).count();
  }
  const double bundle_mb = [&] {
    const Exporter exporter(program, fleet.Config(servers, fleet.bundle()));
    std::this_thread::sleep_for(std::min(duration, kSettled));
    return ResidentMb(exporter.pid());
  }();
  const Other other = ScrapeOther(fleet);

  std::printf(
      "%d servers (addresses of %zu PostgreSQL 15 with TLS, sslmode=verify-full), each with %d sessions of others; all "
      "collectors at their default intervals, %lld s after a start-up of %.0f s. The page: %.1f MB, %zu series.\n\n",
      servers, fleet.clusters().size(), fleet.options().sessions, static_cast<long long>(duration.count()), start_up_s,
      Megabytes(page.bytes), page.series);
  TableHead("pg_tls_exporter", "other");
  Row("resident memory, beside a bare process with the same connections", watch->end.resident_mb, held_mb, "MB", 1.6);
  Row("the same after scrapes", scraped_mb, held_mb, "MB");
  Row("with the system's CA bundle as sslrootcert, beside the bare process without", bundle_mb, held_mb, "MB", 1.5);
  Row("with the system's CA bundle as sslrootcert, beside the bare process with it", bundle_mb, held_bundle_mb, "MB");
  LimitRow("CPU, share of one core", watch->cpu_share, "%", 5);
  LimitRow("from SIGTERM until the exporter has ended", end_s, "s", std::nullopt);
  LimitRow("CPU, all collectors, per collection of the sessions", watch->cpu_ms_per_collection, "ms", std::nullopt);
  const double early_s = watch->settled.at_s;
  const std::string since = "end beside " + std::to_string(static_cast<int>(early_s)) + " s after start-up";
  Row("open files, " + since, watch->end.files, watch->settled.files, "", 1);
  Row("resident memory, " + since, watch->end.resident_mb, watch->settled.resident_mb, "MB", 1.03);
  LimitRow("its slope from then on", watch->slope_kb_per_minute, "kB/min", std::nullopt);
  Row("scrape of all, beside a server that writes the same bytes from a buffer", page.scrape_ms, page.static_ms, "ms",
      3);
  Row("memory that a scrape takes, beside the page's size", page.growth_mb, Megabytes(page.bytes), "MB", 1);
  Row("scrape of all with gzip, beside without", page.gzip_ms, page.scrape_ms, "ms");
  Row("memory that it takes, beside the compressed size", page.gzip_growth_mb, Megabytes(page.gzip_bytes), "MB");
  Row("each server scraped by itself (from /sd), the sum beside one scrape of all", page.each_ms, page.scrape_ms, "ms");
  Row("scrape of all, beside postgres_exporter", page.scrape_ms, other.scrape_ms, "ms", 1.0 / 500);
  Row("CPU per server and collection with its scrape (ours: all collectors), beside postgres_exporter",
      watch->cpu_ms_per_collection + page.cpu_ms / servers, other.cpu_ms_per_server, "ms", 1.0 / 5);
  std::printf("\n");
  TableHead("all collectors", "sessions alone");
  PrintStartUp(program, fleet);
  return EXIT_SUCCESS;
}

int Serve(const std::string& file, int servers) {
  AllowAllFiles();
  const Fleet fleet({.servers = servers, .clusters = std::max(1, servers / 50)});
  std::ofstream(file) << fleet.Config(servers, fleet.root());
  std::cout << "ready" << std::endl;
  while (std::cin.get() != EOF) {
  }
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace pgtls::bench

int main(int argc, char** argv) {
  return pgtls::bench::RunProgram(
      argc, argv, "fleet_bench PATH_OF_PG_TLS_EXPORTER [SECONDS [SERVERS]]",
      [](const std::vector<std::string>& arguments) {
        if (arguments[0] == "--hold") return pgtls::bench::Hold(arguments.at(1));
        if (arguments[0] == "--serve") {
          return pgtls::bench::Serve(arguments.at(1), std::stoi(arguments.at(2)));
        }
        const auto number = [&](std::size_t at, int otherwise) {
          return arguments.size() > at ? std::stoi(arguments[at]) : otherwise;
        };
        if (arguments[0] == "--start-up") {
          const int servers = number(2, 1000);
          return pgtls::bench::RunStartUp(arguments.at(1), servers, number(3, std::max(1, servers / 50)));
        }
        if (arguments[0] == "--overload") {
          return pgtls::bench::RunOverload(arguments.at(1), std::chrono::seconds(number(2, 90)), number(3, 1000));
        }
        return pgtls::bench::Run(arguments[0], std::chrono::seconds(number(1, 300)), number(2, 1000));
      });
}
