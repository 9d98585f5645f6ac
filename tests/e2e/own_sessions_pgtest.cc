// The exporter's own sessions are in no count: over two entries of one server, probes that the server lets in, /probe
// beside them, and sessions that a reload of the server ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/exporter.h"
#include "tests/support/golden.h"
#include "tests/support/http_client.h"
#include "tests/support/postgres_server.h"

namespace pgtls::e2e {
namespace {

using support::Client;
using support::TempDir;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kCollectors =
    "collectors:\n"
    "  sessions: {interval: 100ms, timeout: 10s}\n"
    "  settings: {interval: 1s, timeout: 10s}\n"
    "  hba: {interval: 200ms, timeout: 10s}\n"
    "  endpoint: {interval: 300ms, enforcement_interval: 300ms, timeout: 10s}\n"
    "  certificates: {interval: 300ms, timeout: 10s}\n"
    "modules:\n"
    "  all: {conninfo: 'user=tls_exporter dbname=postgres sslmode=disable', collectors: [sessions, hba, endpoint], "
    "allowed_targets: ['127.0.0.1:*']}\n"
    "servers:\n";

void ExpectNoneOfItsOwn(const std::string& page) {
  EXPECT_THAT(page, Not(HasSubstr("user=\"tls_exporter\""))) << page;
  EXPECT_EQ(page.find("pg_tls_authenticating_connections{server=\"one\",network=\"loopback\"} 1"), std::string::npos);
}

TEST(OwnSessions, AreInNoCount) {
  support::PostgresServer server;
  server.RunSqlFile("deploy/sql/monitoring_role.sql");
  server.Execute("CREATE ROLE app LOGIN");
  const TempDir dir;
  const std::string conninfo = server.Conninfo("user=tls_exporter sslmode=disable");
  const Exporter exporter(
      {"--config.file=" +
       dir.Write("config.yml", kCollectors + ("  - name: one\n    conninfo: \"" + conninfo + "\"\n") +
                                   "  - name: two\n    conninfo: \"" + conninfo + "\"\n")});
  exporter.WaitUntilReady();
  const Client app(server.Conninfo("user=app sslmode=disable"));
  const std::string probe = "/probe?module=all&target=127.0.0.1:" + std::to_string(server.port());
  for (int round = 0; round < 15; ++round) {
    // Every session of the exporter is replaced.
    if (round % 3 == 0) server.Reload();
    const std::string probed = support::HttpGet(exporter.port(), probe);
    EXPECT_THAT(probed, HasSubstr("pg_tls_up{server=\"127.0.0.1:"));
    EXPECT_THAT(probed, HasSubstr("user=\"app\""));
    ExpectNoneOfItsOwn(probed);
    ExpectNoneOfItsOwn(exporter.Page());
  }
  for (const char* name : {"one", "two"}) {
    const std::string counter = std::string("pg_tls_unencrypted_sessions_total{server=\"") + name +
                                "\",network=\"loopback\",allowed=\"false\"} ";
    // The one client came before or after the first collection.
    const std::string page = exporter.Page();
    EXPECT_TRUE(HasLine(page, counter + "1") || HasLine(page, counter + "0")) << page;
  }
}

}  // namespace
}  // namespace pgtls::e2e
