// The whole page over a server with every kind of client, compared with a golden file for each major version.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/e2e/exporter.h"
#include "tests/support/golden.h"
#include "tests/support/http_client.h"
#include "tests/support/postgres_server.h"
#include "tests/support/raw_client.h"

namespace pgtls::e2e {
namespace {

using support::Client;
using support::RawClient;
using support::TempDir;

constexpr const char* kHba =
    "local all all trust\n"
    "hostssl all certified 127.0.0.1/32 cert\n"
    "hostssl all all 127.0.0.1/32 trust\n"
    "host all prompted 127.0.0.0/8 password\n"
    "host all,replication legacy 127.0.0.0/8 trust\n";

// Values that differ from run to run; names, labels and everything that the clients determine stay.
std::string Mask(const std::string& page) {
  return support::Masked(
      page, {{R"((^pg_tls_\w*(seconds|_bytes)(\{.*\})?) .*)", "$1 #"},
             {R"(^(process_\w+) .*)", "$1 #"},
             {R"(^pg_tls_exporter_http_requests_total\{.*code="503"\}.*)", ""},
             {R"(name="port",value="[0-9]+")", R"(name="port",value="#")"},
             {R"((^pg_tls_exporter_http_requests_total\{.*\}) .*)", "$1 #"},
             {R"((pg_tls_exporter_build_info)\{.*\})", "$1{#}"},
             {R"((serial|fingerprint_sha256|server_version|ssl_library|subject_key)="[^"]*")", R"($1="#")"},
             {R"((/dev/shm|/tmp)/pgtls-\w{6})", "/tmp/pgtls-#"},
             {R"(/[^"]*/postgresql-[0-9.a-z-]+)", "/pg"}});
}

TEST(Page, IsWhatTheClientsMakeTrue) {
  const support::TestCa ca;
  support::PostgresServer server(
      {.hba = kHba, .tls = support::ServerTls{.server = ca.IssueForLocalhost(), .client_ca = ca.certificate()}});
  server.RunSqlFile("deploy/sql/monitoring_role.sql");
  server.Execute(
      "CREATE ROLE app LOGIN; CREATE ROLE certified LOGIN; CREATE ROLE prompted LOGIN; CREATE ROLE legacy LOGIN "
      "REPLICATION");
  const TempDir files;
  const std::string root = files.Write("ca.crt", ca.certificate());
  const support::Certificate certificate = ca.Issue({.common_name = "certified"});
  const std::string own =
      " sslcert=" + files.Write("c.crt", certificate.chain) + " sslkey=" + files.Write("c.key", certificate.key);
  const Client tls12(server.Conninfo("user=app sslmode=require ssl_max_protocol_version=TLSv1.2"));
  const Client tls13(server.Conninfo("user=app sslmode=require ssl_min_protocol_version=TLSv1.3 application_name=web"));
  const Client certified(server.Conninfo("user=certified sslmode=require" + own));
  const Client local(server.SocketConninfo("user=app"));
  const Client walsender(server.Conninfo("user=legacy sslmode=require replication=true"));
  const RawClient plain({.port = server.port(), .source = "127.0.0.2", .user = "legacy", .application_name = "report"});
  const RawClient plain_too({.port = server.port(), .source = "127.4.5.6", .user = "legacy"});
  const RawClient exempted({.port = server.port(), .source = "127.0.0.77", .user = "legacy"});
  const RawClient prompt(
      {.port = server.port(), .source = "127.0.0.3", .user = "prompted", .stop_at_authentication = true});
  ASSERT_EQ(prompt.state(), RawClient::State::kAuthenticationRequested);

  const std::string config = files.Write(
      "config.yml",
      Config({{"orders", server.Conninfo("host=localhost user=tls_exporter sslmode=verify-full sslrootcert=" + root)}},
             "policy:\n  allow_unencrypted:\n    - {name: old-erp, user: legacy, client_addr: 127.0.0.77/32, until: "
             "2999-12-31}\n"));
  const Exporter exporter({"--config.file=" + config});
  exporter.WaitUntilReady();
  const std::string page = exporter.WaitForPage([](const std::string& text) {
    // Everything was collected once over the exporter's own connection.
    const std::vector<std::string> collectors = {"sessions", "settings", "hba", "endpoint", "certificates"};
    return HasLine(text, "pg_tls_up{server=\"orders\"} 1") && std::ranges::all_of(collectors, [&](const auto& name) {
             return HasLine(text, R"(pg_tls_collector_success{server="orders",collector=")" + name + "\"} 1");
           });
  });
  EXPECT_TRUE(
      support::MatchesGolden("tests/e2e/testdata/page_" + std::to_string(server.major()) + ".prom", Mask(page)));

  const auto lint = support::RunProcess({"promtool", "check", "metrics"}, {.input = page});
  EXPECT_EQ(lint.exit_code, 0);
  EXPECT_EQ(lint.out + lint.err, "");

  // The same once more, on standard output.
  const auto collected = RunExporter({"collect", "--config.file=" + config});
  EXPECT_EQ(collected.exit_code, 0) << collected.err;
  EXPECT_EQ(support::Families(collected.out, "pg_tls_unencrypted_connections{"),
            support::Families(page, "pg_tls_unencrypted_connections{"));
}

}  // namespace
}  // namespace pgtls::e2e
