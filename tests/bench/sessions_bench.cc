// What watching a server costs: the exporter beside a bare libpq loop that executes the same statement, and beside
// prometheus-postgres-exporter of Debian 12 and of sid with the same query. One real PostgreSQL with 1,000 sessions in
// 50 groups, one run, ratios.
//   sessions_bench PATH_OF_PG_TLS_EXPORTER [SECONDS_PER_MEASUREMENT]
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "tests/bench/exporter.h"
#include "tests/bench/fleet.h"
#include "tests/bench/measure.h"
#include "tests/bench/postgres_exporter.h"
#include "tests/bench/program.h"
#include "tests/support/http_client.h"
#include "tests/support/postgres_server.h"

namespace pgtls::bench {
namespace {

using support::Client;
using support::PostgresServer;

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

// ---- The three

struct Cost {
  double cpu_ms = 0;          // per collection
  double cpu_scraped_ms = 0;  // per collection with one scrape of it
  double p50_ms = 0;
  double resident_mb = 0;
};

double BareLibpq(const PostgresServer& server, const std::string& sql, std::chrono::seconds duration) {
  Client client(server.Conninfo("user=tls_exporter sslmode=require"));
  client.Query("SET jit = off");
  PQclear(PQprepare(client.get(), "sessions", sql.c_str(), 0, nullptr));
  int collections = 0;
  double cpu_ms = 0;
  Paced(duration, kInterval, [&] {
    const double before = ThreadCpuMs();
    PGresult* result = PQexecPrepared(client.get(), "sessions", 0, nullptr, nullptr, nullptr, 0);
    if (PQntuples(result) < kSessions) throw std::runtime_error(PQerrorMessage(client.get()));
    PQclear(result);
    cpu_ms += ThreadCpuMs() - before;
    ++collections;
  });
  return cpu_ms / collections;
}

Cost Ours(const PostgresServer& server, const std::string& program, Scope scope, std::chrono::seconds duration) {
  const Exporter exporter(
      program,
      "servers:\n  - name: bench\n    conninfo: " + server.Conninfo("user=tls_exporter sslmode=require") +
          "\ncollectors:\n  sessions: {interval: " + std::to_string(kInterval.count()) + "ms}\n",
      scope == Scope::kSessions ? Only("sessions") : std::vector<std::string>{});
  const auto measure = [&](const std::function<void()>& step) {
    const double cpu_before = CpuMs(exporter.pid());
    const long before = SessionsExecutions(server);
    Paced(duration, kInterval, step);
    return (CpuMs(exporter.pid()) - cpu_before) / static_cast<double>(SessionsExecutions(server) - before);
  };
  Cost cost;
  cost.cpu_ms = measure([] {});
  cost.cpu_scraped_ms = measure([&] { exporter.Page(); });
  cost.p50_ms = ScrapeP50Ms(exporter.port(), duration);
  cost.resident_mb = ResidentMb(exporter.pid());
  return cost;
}

Cost Rival(PostgresExporterRelease release, const PostgresServer& server, const std::string& queries, Scope scope,
           std::chrono::seconds duration) {
  const PostgresExporter exporter(release, queries, scope, server.Conninfo("user=tls_exporter sslmode=require"));
  WaitForPage(exporter.port, "bench_sessions_");
  const double cpu_before = CpuMs(exporter.process.pid());
  int collections = 0;
  Paced(duration, kInterval, [&] {
    support::HttpGet(exporter.port, "/metrics");
    ++collections;
  });
  Cost cost;
  cost.cpu_scraped_ms = (CpuMs(exporter.process.pid()) - cpu_before) / collections;
  cost.p50_ms = ScrapeP50Ms(exporter.port, duration);
  cost.resident_mb = ResidentMb(exporter.process.pid());
  return cost;
}

// ---- The report

int Run(const std::string& program, std::chrono::seconds duration) {
  AllowAllFiles();
  const support::TestCa ca;
  const PostgresServer server = StartServer(ca);
  server.RunSqlFile("deploy/sql/monitoring_role.sql");
  server.Execute("CREATE EXTENSION pg_stat_statements");
  for (int group = 0; group < kGroups; ++group) server.Execute("CREATE ROLE bench" + std::to_string(group) + " LOGIN");
  const std::vector<Client> sessions = OpenSessions(server);

  const std::string sql = SessionsSql();
  const std::string rows = SessionRowsQuery();
  const std::string groups = CustomQuery(
      "SELECT datname, usename, backend_type, ssl, gss_encrypted, version, cipher, count(*) AS connections FROM (" +
          SessionsSql() + ") s GROUP BY 1, 2, 3, 4, 5, 6, 7",
      {"datname", "usename", "backend_type", "ssl", "gss_encrypted", "version", "cipher"}, "connections");

  const double bare_ms = BareLibpq(server, sql, duration);
  const Cost ours = Ours(server, program, Scope::kSessions, duration);
  const Cost ours_default = Ours(server, program, Scope::kDefault, duration / 3);

  std::printf("PostgreSQL 15, %d sessions in %d groups, %lld s a measurement, one collection every %lld ms\n\n",
              kSessions, kGroups, static_cast<long long>(duration.count()), static_cast<long long>(kInterval.count()));
  TableHead("pg_tls_exporter", "other");
  Row("CPU per collection, beside a bare libpq loop", ours.cpu_ms, bare_ms, "ms", 2);
  for (const auto release : {PostgresExporterRelease::k0_11, PostgresExporterRelease::k0_19}) {
    const std::string name =
        release == PostgresExporterRelease::k0_11 ? "postgres_exporter 0.11" : "postgres_exporter 0.19";
    const Cost theirs = Rival(release, server, rows, Scope::kSessions, duration);
    const Cost theirs_grouped = Rival(release, server, groups, Scope::kSessions, duration);
    const Cost theirs_default = Rival(release, server, rows, Scope::kDefault, duration / 3);
    Row("CPU per collection and scrape, beside " + name, ours.cpu_scraped_ms, theirs.cpu_scraped_ms, "ms", 1.0 / 8);
    Row("scrape p50, beside " + name, ours.p50_ms, theirs.p50_ms, "ms", 1.0 / 50);
    Row("resident memory, beside " + name, ours.resident_mb, theirs.resident_mb, "MB", 1);
    Row("resident memory, both with all they do by default", ours_default.resident_mb, theirs_default.resident_mb,
        "MB");
    Row("CPU, its query grouped by the server", ours.cpu_scraped_ms, theirs_grouped.cpu_scraped_ms, "ms");
    Row("scrape p50, its query grouped by the server", ours.p50_ms, theirs_grouped.p50_ms, "ms");
    Row("resident memory, its query grouped by the server", ours.resident_mb, theirs_grouped.resident_mb, "MB");
  }
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace pgtls::bench

int main(int argc, char** argv) {
  return pgtls::bench::RunProgram(argc, argv, "sessions_bench PATH_OF_PG_TLS_EXPORTER [SECONDS_PER_MEASUREMENT]",
                                  [](const std::vector<std::string>& arguments) {
                                    const int duration = arguments.size() > 1 ? std::stoi(arguments[1]) : 30;
                                    return pgtls::bench::Run(arguments[0], std::chrono::seconds(duration));
                                  });
}
