// /probe against a real server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/exporter.h"
#include "tests/support/http_client.h"
#include "tests/support/postgres_server.h"

namespace pgtls::e2e {
namespace {

using support::TempDir;
using testing::HasSubstr;
using testing::Not;

// Of a server that one has no account on.
TEST(Probe, TheWireNeedsNoRole) {
  const support::TestCa ca;
  support::PostgresServer server({.hba = "local all postgres trust\nhost all all 127.0.0.0/8 scram-sha-256\n",
                                  .tls = support::ServerTls{.server = ca.IssueForLocalhost()}});
  const TempDir dir;
  const Exporter exporter(
      {"--config.file=" + dir.Write("config.yml",
                                    "modules:\n  wire:\n    conninfo: user=not_here dbname=nor_this\n"
                                    "    collectors: [endpoint, certificates]\n"
                                    "    allowed_targets: ['127.0.0.0/8:*']\n")});
  const std::size_t before = server.LogSize();
  const std::string target = "127.0.0.1:" + std::to_string(server.port());
  const std::string page = support::HttpGet(exporter.port(), "/probe?module=wire&target=" + target);
  const std::string label = "{server=\"" + target + "\"";
  for (const char* collector : {"endpoint", "certificates"}) {
    EXPECT_TRUE(HasLine(page, "pg_tls_collector_success" + label + ",collector=\"" + collector + "\"} 1")) << page;
  }
  EXPECT_THAT(page, HasSubstr("\npg_tls_certificate_not_after_timestamp_seconds" + label));
  EXPECT_THAT(page, Not(HasSubstr("pg_tls_up"))) << "nobody asked for SQL";
  EXPECT_THAT(server.Log(before), Not(HasSubstr("authentication failed")));
}

}  // namespace
}  // namespace pgtls::e2e
