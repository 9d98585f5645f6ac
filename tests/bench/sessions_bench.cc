// What watching a server costs: the exporter beside a bare libpq loop that executes the same statement, and beside
// Debian's prometheus-postgres-exporter with the same query. One real PostgreSQL with 1,000 sessions in 50 groups, one
// run, ratios.
//   sessions_bench PATH_OF_PG_TLS_EXPORTER [SECONDS_PER_MEASUREMENT]
#include <sys/resource.h>

#include <asio.hpp>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <regex>
#include <sstream>
#include <thread>

#include "collectors/registry.h"
#include "collectors/sessions.h"
#include "tests/collectors/harness.h"
#include "tests/support/http_client.h"
#include "tests/support/postgres_server.h"

namespace pgtls {
namespace {

using support::Client;
using support::PostgresServer;
using support::Process;
using Clock = std::chrono::steady_clock;

constexpr int kSessions = 1000;
constexpr int kGroups = 50;
constexpr std::chrono::milliseconds kInterval{250};

// ---- The server and its sessions

PostgresServer StartServer(const support::TestCa& ca) {
  return PostgresServer({.major = 15,
                         .settings = {"max_connections = 1200", "shared_preload_libraries = 'pg_stat_statements'"},
                         .tls = support::ServerTls{.server = ca.IssueForLocalhost()}});
}

// 50 users with 20 sessions each; every tenth user without TLS.
std::vector<Client> OpenSessions(const PostgresServer& server) {
  std::vector<Client> sessions;
  sessions.reserve(kSessions);
  for (int i = 0; i < kSessions; ++i) {
    const int group = i % kGroups;
    sessions.emplace_back(server.Conninfo("user=bench" + std::to_string(group) +
                                          (group % 10 == 0 ? " sslmode=disable" : " sslmode=require")));
  }
  return sessions;
}

// How often the statement was executed by the exporters' role.
long Executions(const PostgresServer& server) {
  const auto rows = server.Query(
      "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements WHERE userid = 'tls_exporter'::regrole AND query LIKE "
      "'%pg_stat_ssl%' AND query LIKE '%backend_type%'");
  return std::stol(rows.at(0).at(0).value());
}

// The statement of the sessions collector, as it sends it.
std::string SessionsSql() {
  class Capture : public collectors::FakeSession {
   public:
    asio::awaitable<db::Result> Query(const db::Statement& statement, db::Parameters /*none matter*/,
                                      Deadline /*at once*/) override {
      sql = statement.sql;
      throw Error(FailureReason::kError, "captured");
      co_return db::Result::FromRows({}, {});
    }
    std::string sql;
  };
  Capture capture;
  collectors::Harness harness(collectors::SessionsCollector());
  harness.session = &capture;
  try {
    harness.Collect();
  } catch (const Error&) {
    return capture.sql;
  }
  throw std::logic_error("the sessions collector asked for nothing");
}

// ---- Measuring

// CPU time of all threads of a process, in milliseconds.
double CpuMs(pid_t pid) {
  double nanoseconds = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    std::ifstream in(task.path() / "schedstat");
    double on_cpu = 0;
    in >> on_cpu;
    nanoseconds += on_cpu;
  }
  return nanoseconds / 1e6;
}

double ThreadCpuMs() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

double ResidentMb(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("VmRSS:")) return std::strtod(line.c_str() + 6, nullptr) / 1024;
  }
  throw std::runtime_error("no VmRSS");
}

// Calls `step` once an interval for so long.
void Paced(std::chrono::seconds duration, const std::function<void()>& step) {
  const auto start = Clock::now();
  for (auto next = start; next < start + duration; next += kInterval) {
    std::this_thread::sleep_until(next);
    step();
  }
}

// Median latency of a scrape over one connection, by wrk, in milliseconds.
double ScrapeP50Ms(int port, std::chrono::seconds duration) {
  const std::string out = support::RunProcess({"wrk", "-t1", "-c1", "-d" + std::to_string(duration.count()) + "s",
                                               "--latency", "http://127.0.0.1:" + std::to_string(port) + "/metrics"},
                                              {}, duration + std::chrono::seconds(30))
                              .out;
  std::smatch match;
  if (!std::regex_search(out, match, std::regex("50%\\s+([0-9.]+)(us|ms|s)")) ||
      out.find("Non-2xx") != std::string::npos) {
    throw std::runtime_error("wrk: " + out);
  }
  const double value = std::stod(match[1]);
  return match[2] == "us" ? value / 1000 : match[2] == "s" ? value * 1000 : value;
}

struct Cost {
  double cpu_ms = 0;          // per collection
  double cpu_scraped_ms = 0;  // per collection with one scrape of it
  double p50_ms = 0;
  double resident_mb = 0;
};

// ---- The three

double BareLibpq(const PostgresServer& server, const std::string& sql, std::chrono::seconds duration) {
  Client client(server.Conninfo("user=tls_exporter sslmode=require"));
  client.Query("SET jit = off");
  PQclear(PQprepare(client.get(), "sessions", sql.c_str(), 0, nullptr));
  const std::string own = "{" + std::to_string(client.pid()) + "}";
  const char* const parameters[] = {own.c_str()};
  int collections = 0;
  double cpu_ms = 0;
  Paced(duration, [&] {
    const double before = ThreadCpuMs();
    PGresult* result = PQexecPrepared(client.get(), "sessions", 1, parameters, nullptr, nullptr, 0);
    if (PQntuples(result) < kSessions) throw std::runtime_error(PQerrorMessage(client.get()));
    PQclear(result);
    cpu_ms += ThreadCpuMs() - before;
    ++collections;
  });
  return cpu_ms / collections;
}

void WaitForPage(int port, const std::string& sample) {
  const bool there = support::WaitUntil([&] {
    try {
      return support::HttpGet(port, "/metrics").find(sample) != std::string::npos;
    } catch (const std::runtime_error&) {
      return false;
    }
  });
  if (!there) throw std::runtime_error("no " + sample + " on the page");
}

// What an exporter does: the sessions alone, or all that it does by default beside them.
enum class Scope { kSessions, kDefault };

Cost Exporter(const PostgresServer& server, const std::string& program, Scope scope, std::chrono::seconds duration) {
  const support::TempDir dir;
  const std::string config = dir.Write(
      "config.yml", "servers:\n  - name: bench\n    conninfo: " + server.Conninfo("user=tls_exporter sslmode=require") +
                        "\ncollectors:\n  sessions: {interval: " + std::to_string(kInterval.count()) + "ms}\n");
  const int port = support::FreePort();
  std::vector<std::string> argv = {program, "--config.file=" + config,
                                   "--web.listen-address=127.0.0.1:" + std::to_string(port)};
  for (const auto* collector : collectors::All()) {
    if (scope == Scope::kSessions && collector->name != "sessions")
      argv.push_back("--no-collector." + std::string(collector->name));
  }
  const Process process(argv);
  WaitForPage(port, "pg_tls_connections{");
  const auto measure = [&](const std::function<void()>& step) {
    const double cpu_before = CpuMs(process.pid());
    const long before = Executions(server);
    Paced(duration, step);
    return (CpuMs(process.pid()) - cpu_before) / static_cast<double>(Executions(server) - before);
  };
  Cost cost;
  cost.cpu_ms = measure([] {});
  cost.cpu_scraped_ms = measure([&] { support::HttpGet(port, "/metrics"); });
  cost.p50_ms = ScrapeP50Ms(port, duration);
  cost.resident_mb = ResidentMb(process.pid());
  return cost;
}

std::string Indented(const std::string& text) { return "    " + std::regex_replace(text, std::regex("\n"), "\n    "); }

// The query as postgres_exporter wants it: no parameters, and what each column is.
std::string CustomQuery(const std::string& sql, const std::vector<std::string>& labels, const std::string& value) {
  std::string yaml = "bench_sessions:\n  query: |\n" + Indented(sql) + "\n  metrics:\n";
  for (const auto& label : labels) yaml += "    - " + label + ": {usage: LABEL, description: x}\n";
  return yaml + "    - " + value + ": {usage: GAUGE, description: x}\n";
}

Cost PostgresExporter(const PostgresServer& server, const std::string& queries, Scope scope,
                      std::chrono::seconds duration) {
  const support::TempDir dir;
  const std::string file = dir.Write("queries.yml", queries);
  const int port = support::FreePort();
  std::vector<std::string> argv = {"prometheus-postgres-exporter",
                                   "--web.listen-address=127.0.0.1:" + std::to_string(port),
                                   "--extend.query-path=" + file};
  if (scope == Scope::kSessions) {
    argv.insert(argv.end(), {"--disable-default-metrics", "--disable-settings-metrics", "--no-collector.database",
                             "--no-collector.bgwriter"});
  }
  const Process process(argv,
                        {.environment = {{"DATA_SOURCE_NAME", server.Conninfo("user=tls_exporter sslmode=require")}}});
  WaitForPage(port, "bench_sessions_");
  const double cpu_before = CpuMs(process.pid());
  int collections = 0;
  Paced(duration, [&] {
    support::HttpGet(port, "/metrics");
    ++collections;
  });
  Cost cost;
  cost.cpu_scraped_ms = (CpuMs(process.pid()) - cpu_before) / collections;
  cost.p50_ms = ScrapeP50Ms(port, duration);
  cost.resident_mb = ResidentMb(process.pid());
  return cost;
}

// ---- The report

// `target`: the ratio that is asked for; absent where none is.
void Row(const char* what, double ours, double other, const char* unit, std::optional<double> target = std::nullopt) {
  if (!target) {
    std::printf("| %s | %.2f %s | %.2f %s | %.3f | | |\n", what, ours, unit, other, unit, ours / other);
    return;
  }
  std::printf("| %s | %.2f %s | %.2f %s | %.3f | at most %.3f | %s |\n", what, ours, unit, other, unit, ours / other,
              *target, ours <= *target * other ? "met" : "**missed**");
  std::fflush(stdout);
}

int Run(const std::string& program, std::chrono::seconds duration) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);

  const support::TestCa ca;
  const PostgresServer server = StartServer(ca);
  server.RunSqlFile("deploy/sql/monitoring_role.sql");
  server.Execute("CREATE EXTENSION pg_stat_statements");
  for (int group = 0; group < kGroups; ++group) server.Execute("CREATE ROLE bench" + std::to_string(group) + " LOGIN");
  const std::vector<Client> sessions = OpenSessions(server);

  const std::string sql = SessionsSql();
  const std::string without_parameters = std::regex_replace(sql, std::regex("\\$1"), "'{}'");
  const std::string rows =
      CustomQuery(without_parameters,
                  {"sees_all", "blind_role", "now_us", "pid", "datname", "usename", "application_name", "client_addr",
                   "client_port", "backend_type", "authenticating", "ssl", "version", "cipher", "bits",
                   "client_certificate", "client_dn", "issuer_dn", "gss_encrypted"},
                  "backend_start_us");
  const std::string groups = CustomQuery(
      "SELECT datname, usename, backend_type, ssl, gss_encrypted, version, cipher, count(*) AS connections FROM (" +
          without_parameters + ") s GROUP BY 1, 2, 3, 4, 5, 6, 7",
      {"datname", "usename", "backend_type", "ssl", "gss_encrypted", "version", "cipher"}, "connections");

  const double bare_ms = BareLibpq(server, sql, duration);
  const Cost ours = Exporter(server, program, Scope::kSessions, duration);
  const Cost theirs = PostgresExporter(server, rows, Scope::kSessions, duration);
  const Cost theirs_grouped = PostgresExporter(server, groups, Scope::kSessions, duration);
  const Cost ours_default = Exporter(server, program, Scope::kDefault, duration / 3);
  const Cost theirs_default = PostgresExporter(server, rows, Scope::kDefault, duration / 3);

  std::printf("PostgreSQL 15, %d sessions in %d groups, %lld s a measurement, one collection every %lld ms\n\n",
              kSessions, kGroups, static_cast<long long>(duration.count()), static_cast<long long>(kInterval.count()));
  std::printf("| | pg_tls_exporter | other | ratio | target | |\n|---|---|---|---|---|---|\n");
  Row("CPU per collection, beside a bare libpq loop", ours.cpu_ms, bare_ms, "ms", 2);
  Row("CPU per collection and scrape, beside postgres_exporter", ours.cpu_scraped_ms, theirs.cpu_scraped_ms, "ms",
      1.0 / 8);
  Row("scrape p50, beside postgres_exporter", ours.p50_ms, theirs.p50_ms, "ms", 1.0 / 50);
  Row("resident memory, beside postgres_exporter", ours.resident_mb, theirs.resident_mb, "MB", 1);
  Row("resident memory, both with all they do by default", ours_default.resident_mb, theirs_default.resident_mb, "MB");
  Row("CPU, its query grouped by the server", ours.cpu_scraped_ms, theirs_grouped.cpu_scraped_ms, "ms");
  Row("scrape p50, its query grouped by the server", ours.p50_ms, theirs_grouped.p50_ms, "ms");
  Row("resident memory, its query grouped by the server", ours.resident_mb, theirs_grouped.resident_mb, "MB");
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace pgtls

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: sessions_bench PATH_OF_PG_TLS_EXPORTER [SECONDS_PER_MEASUREMENT]\n");
    return 2;
  }
  try {
    return pgtls::Run(argv[1], std::chrono::seconds(argc > 2 ? std::atoi(argv[2]) : 30));  // NOLINT(cert-err34-c)
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sessions_bench: %s\n", error.what());
    return 1;
  }
}
