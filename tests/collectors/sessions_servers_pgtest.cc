// The sessions collector where the server behind a name is not what it was, or cannot print where a client comes from.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "collectors/hba.h"
#include "collectors/sessions.h"
#include "tests/collectors/harness.h"
#include "tests/support/golden.h"
#include "tests/support/postgres_server.h"
#include "tests/support/raw_client.h"

namespace pgtls::collectors {
namespace {

using support::Client;
using support::Families;
using support::PostgresServer;
using support::RawClient;
using testing::HasSubstr;

constexpr const char* kRoleFile = "deploy/sql/monitoring_role.sql";
const std::string kLoginsSql = "CREATE ROLE app LOGIN";

std::string Counter(int sessions) {
  return "pg_tls_unencrypted_sessions_total{server=\"db\",network=\"loopback\",allowed=\"false\"} " +
         std::to_string(sessions) + "\n";
}

TEST(SessionsServersPgTest, ASessionOfAnotherServerIsCountedOnlyIfItBeganSince) {
  PostgresServer first;
  PostgresServer second;
  for (const PostgresServer* server : {&first, &second}) {
    server->RunSqlFile(kRoleFile);
    server->Execute(kLoginsSql);
  }
  const std::string login = "user=tls_exporter sslmode=disable";
  Harness harness(SessionsCollector());
  harness.Connect(first.Conninfo(login));
  EXPECT_THAT(harness.CollectPage(), HasSubstr(Counter(0)));
  // Younger than the first collection, and open before anybody asked this server.
  const Client open_before(second.Conninfo("user=app"));
  harness.Connect(second.Conninfo(login));
  EXPECT_THAT(harness.CollectPage(), HasSubstr(Counter(0)));
  const Client later(second.Conninfo("user=app"));
  EXPECT_THAT(harness.CollectPage(), HasSubstr(Counter(1)));
  // Back at the first one, which counts on.
  const Client meanwhile(first.Conninfo("user=app"));
  harness.Connect(first.Conninfo(login));
  EXPECT_THAT(harness.CollectPage(), HasSubstr(Counter(2)));
  harness.Connect(second.Conninfo(login));
  EXPECT_THAT(harness.CollectPage(), HasSubstr(Counter(2)));
}

TEST(SessionsServersPgTest, AfterARestartASessionIsNewEvenIfItWasThereFirst) {
  PostgresServer server;
  server.RunSqlFile(kRoleFile);
  server.Execute(kLoginsSql);
  Harness harness(SessionsCollector());
  const std::string login = "user=tls_exporter sslmode=disable";
  harness.Connect(server.Conninfo(login));
  const Client before(server.Conninfo("user=app"));
  EXPECT_THAT(harness.CollectPage(), HasSubstr(Counter(0)));
  server.Restart();
  const Client after(server.Conninfo("user=app"));
  harness.Connect(server.Conninfo(login));
  EXPECT_THAT(harness.CollectPage(), HasSubstr(Counter(1)));
}

// A library below the server makes getnameinfo() fail for one address, as it does for what it cannot print: the views
// then show neither address nor port, and pg_stat_ssl leaves the session out.
TEST(SessionsServersPgTest, AnAddressThatTheServerCannotPrintHidesNobody) {
  const support::TempDir files;
  std::filesystem::permissions(files.path(), std::filesystem::perms(0755));
  const std::string source = files.Write("unprintable.c", R"(
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
int getnameinfo(const struct sockaddr* restrict address, socklen_t size, char* restrict host, socklen_t host_size,
                char* restrict service, socklen_t service_size, int flags) {
  const struct sockaddr_in* in = (const struct sockaddr_in*)address;
  if (in->sin_family == AF_INET && in->sin_addr.s_addr == inet_addr("127.0.0.66")) return EAI_FAIL;
  int (*next)(const struct sockaddr*, socklen_t, char*, socklen_t, char*, socklen_t, int) =
      (int (*)(const struct sockaddr*, socklen_t, char*, socklen_t, char*, socklen_t, int))dlsym(RTLD_NEXT, "getnameinfo");
  return next(address, size, host, host_size, service, service_size, flags);
}
)");
  const std::string library = files.path() + "/unprintable.so";
  support::MustRun({"clang-19", "-shared", "-fPIC", "-o", library, source, "-ldl"});
  std::filesystem::permissions(library, std::filesystem::perms(0755));
  const support::TestCa ca;
  PostgresServer server({.hba = "local all all trust\nhost all all all trust\n",
                         .tls = support::ServerTls{.server = ca.IssueForLocalhost()},
                         .listen_addresses = "*",
                         .environment = {{"LD_PRELOAD", library}}});
  server.RunSqlFile(kRoleFile);
  server.Execute(kLoginsSql);
  const RawClient plain({.port = server.port(), .source = "127.0.0.66", .user = "app"});
  const RawClient encrypted({.port = server.port(), .source = "127.0.0.66", .user = "app", .tls = true});
  const RawClient usual({.port = server.port(), .source = "127.0.0.67", .user = "app", .tls = true});
  const auto hidden = server.Query(
      "SELECT count(*) FROM pg_stat_activity a LEFT JOIN pg_stat_ssl s USING (pid) "
      "WHERE a.usename = 'app' AND a.client_port IS NULL AND s.pid IS NULL");
  ASSERT_EQ(hidden[0][0], "2") << "the fault is not there";

  Harness harness(SessionsCollector());
  harness.Connect(server.Conninfo("user=tls_exporter sslmode=require"));
  const std::string page = harness.CollectPage();
  const std::string of =
      "pg_tls_connections{server=\"db\",database=\"postgres\",user=\"app\",client_addr=\"\",network=\"";
  const std::string tail = "\",backend_type=\"client backend\",encryption=\"";
  EXPECT_EQ(Families(page, "pg_tls_connections{"), of + "loopback" + tail + "tls\"} 1\n" +     //
                                                       of + "remote" + tail + "none\"} 1\n" +  //
                                                       of + "remote" + tail + "tls\"} 1\n");
  EXPECT_EQ(Families(page, "pg_tls_unencrypted_connections{"),
            "pg_tls_unencrypted_connections{server=\"db\",database=\"postgres\",user=\"app\",client_addr=\"\","
            "application_name=\"\",network=\"remote\",allowed=\"false\"} 1\n");
  EXPECT_THAT(page, HasSubstr("pg_tls_oldest_unencrypted_connection_start_timestamp_seconds"));
  EXPECT_THAT(page, HasSubstr("pg_tls_cipher_connections{server=\"db\",version=\"TLSv1.3\""));

  Harness hba(HbaCollector());
  hba.Connect(server.Conninfo("user=tls_exporter sslmode=require"));
  hba.facts = hba.FactsOf(SessionsCollector());
  const std::string rules = hba.CollectPage();
  const std::string where = "{server=\"db\",file=\"" + server.data_dir() + "/pg_hba.conf\",line=\"2\",";
  EXPECT_THAT(rules, HasSubstr("pg_tls_hba_rule_connections" + where + "encryption=\"none\"} 1\n"));
  EXPECT_THAT(rules, HasSubstr("pg_tls_hba_rule_connections" + where + "encryption=\"tls\"} 3\n"));
  EXPECT_EQ(Families(rules, "pg_tls_hba_plaintext_connections{"),
            "pg_tls_hba_plaintext_connections" + where + "database=\"postgres\",user=\"app\",client_addr=\"\"} 1\n");
  // From a net the rule of it may be this one or the next.
  server.SetHba("local all all trust\nhost all all 127.0.0.0/8 trust\nhost all all all trust\n");
  server.Reload();
  hba.Connect(server.Conninfo("user=tls_exporter sslmode=require"));
  EXPECT_EQ(Families(hba.CollectPage(), "pg_tls_hba_plaintext_connections{"),
            "pg_tls_hba_plaintext_connections{server=\"db\",file=\"\",line=\"\",database=\"postgres\",user=\"app\","
            "client_addr=\"\"} 1\n");
}

// The function below the views is called for no session that they show: what it costs grows with the square otherwise.
TEST(SessionsServersPgTest, OrdinarySessionsCostNoExtraCall) {
  PostgresServer server;
  const Client client(server.Conninfo());
  const auto plan =
      Client(server.Conninfo())
          .Query(
              "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT 1 FROM pg_stat_activity a "
              "LEFT JOIN pg_stat_ssl s ON s.pid = a.pid LEFT JOIN LATERAL (SELECT ssl FROM pg_stat_get_activity(a.pid) "
              "WHERE s.pid IS NULL OFFSET 0) f ON true WHERE a.backend_type = 'client backend'");
  std::string text;
  for (const auto& row : plan) text += row[0].value() + "\n";
  EXPECT_THAT(text, HasSubstr("One-Time Filter")) << text;
  EXPECT_THAT(text, HasSubstr("(never executed)")) << text;
}

}  // namespace
}  // namespace pgtls::collectors
