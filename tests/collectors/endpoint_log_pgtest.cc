// What the exporter leaves in the server's log: nothing but one enforcement round's refusals.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectors/registry.h"
#include "exporter/db/target.h"
#include "tests/collectors/harness.h"
#include "tests/support/postgres_server.h"

namespace pgtls::collectors {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A line's text without its time and pid.
std::vector<std::string> Lines(const std::string& log) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < log.size();) {
    const std::size_t end = std::min(log.find('\n', begin), log.size());
    const std::string line = log.substr(begin, end - begin);
    const bool housekeeping = line.find("checkpoint") != std::string::npos || line.find("HINT:") != std::string::npos;
    if (!housekeeping) lines.push_back(line);
    begin = end + 1;
  }
  return lines;
}

TEST(EndpointLogPgTest, AnHourOfTheDefaultCollectorsLeavesOneEnforcementRound) {
  const support::TestCa ca;
  // As careful DBAs write it; log_connections stays off.
  support::PostgresServer server({.hba = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n",
                                  .tls = support::ServerTls{ca.IssueForLocalhost(), ca.certificate(), ""}});
  server.RunSqlFile("deploy/sql/monitoring_role.sql");
  server.Execute("ALTER ROLE tls_exporter PASSWORD 'secret'");
  const support::TempDir files;
  const std::string conninfo = server.Conninfo(
      "host=localhost hostaddr=127.0.0.1 user=tls_exporter password=secret sslmode=verify-full sslcert=/none "
      "sslrootcert=" +
      files.Write("root.crt", ca.certificate()));
  std::vector<std::unique_ptr<Harness>> collectors;
  const std::size_t start = server.LogSize();
  for (const sampling::CollectorType* type : All()) {
    auto& harness = *collectors.emplace_back(std::make_unique<Harness>(*type));
    harness.target = db::ResolveTarget(conninfo);
    harness.peer = db::Peer{IpAddress::Parse("127.0.0.1"), server.port(), "localhost", "tls_exporter", "postgres"};
    harness.Connect(conninfo);
    harness.Collect();
  }
  // A plaintext StartupMessage that pg_hba refuses, the two versions that the server refuses, and the three groups that
  // were not the handshake's own.
  ASSERT_TRUE(support::WaitUntil([&] { return Lines(server.Log(start)).size() >= 6; }));
  const auto no_handshake = HasSubstr("could not accept SSL connection");
  EXPECT_THAT(Lines(server.Log(start)), ElementsAre(HasSubstr("FATAL:  no pg_hba.conf entry"), no_handshake,
                                                    no_handshake, no_handshake, no_handshake, no_handshake));

  // The rest of the hour, at the intervals of each (one in four of the fast ones).
  const std::size_t after_first = server.LogSize();
  for (auto& harness : collectors) {
    const auto runs = std::min<std::int64_t>(std::chrono::hours(1) / harness->config.interval, 60);
    for (int run = 1; run < runs; ++run) harness->Collect();
    harness.reset();
  }
  // Whatever a backend still had to say has been said when a later one has spoken.
  const std::size_t end = server.LogSize();
  server.Execute("DO 'BEGIN RAISE LOG ''the end''; END'");
  ASSERT_TRUE(server.WaitForLog("the end", end));
  const auto lines = Lines(server.Log(after_first));
  ASSERT_FALSE(lines.empty());
  EXPECT_THAT(lines.front(), HasSubstr("the end")) << testing::PrintToString(lines);
}

}  // namespace
}  // namespace pgtls::collectors
