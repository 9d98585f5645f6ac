// The controls of a guideline against real servers: a careful one, and one as initdb leaves it.
#include <gtest/gtest.h>

#include "exporter/audit/check.h"
#include "exporter/report/report.h"
#include "tests/exporter/audit/collect_from.h"
#include "tests/support/golden.h"
#include "tests/support/postgres_server.h"

namespace pgtls::report {
namespace {

using support::PostgresServer;
using support::TempDir;

// "5.3 pass", a line each, of all guidelines.
std::string Verdicts(const std::string& conninfo) {
  const auto servers = audit::CollectFrom(conninfo);
  const auto now = audit::Now();
  const auto reports = audit::Check(servers, now);
  std::string text;
  for (const Profile& profile : Profiles()) {
    for (const Judged& judged : Assess(profile, servers, reports, now).servers.front().controls) {
      text += std::string(profile.name) + " " + std::string(judged.control->id) + " " +
              std::string(ToString(judged.verdict)) + "\n";
    }
  }
  return text;
}

std::string Golden(const char* name) { return std::string("tests/exporter/report/testdata/") + name + ".txt"; }

TEST(ReportPgTest, ACarefulServerPassesWhatCanBeSeen) {
  const support::TestCa ca;
  PostgresServer server(
      {.hba = "local all postgres trust\n"
              "hostnossl all,replication all all reject\n"
              "hostssl all tls_exporter 127.0.0.1/32 scram-sha-256\n"
              "hostssl app app 10.0.0.0/8 scram-sha-256\n",
       .settings = {"log_connections = on", "log_disconnections = on", "ssl_ciphers = 'HIGH:!aNULL:!MEDIUM'"},
       .tls = support::ServerTls{.server = ca.IssueForLocalhost()}});
  server.RunSqlFile("deploy/sql/monitoring_role.sql");
  server.Execute("ALTER ROLE tls_exporter PASSWORD 'geheim'");
  const TempDir files;
  EXPECT_TRUE(support::MatchesGolden(
      Golden("careful"), Verdicts(server.Conninfo("user=tls_exporter password=geheim sslmode=verify-full sslrootcert=" +
                                                  files.Write("ca.crt", ca.certificate())))));
}

TEST(ReportPgTest, AServerAsItComesFails) {
  PostgresServer server;
  EXPECT_TRUE(support::MatchesGolden(Golden("default"), Verdicts(server.Conninfo("sslmode=prefer"))));
}

}  // namespace
}  // namespace pgtls::report
