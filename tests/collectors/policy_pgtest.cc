// The policy on real sessions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectors/sessions.h"
#include "exporter/sessions/summary.h"
#include "tests/collectors/harness.h"
#include "tests/support/golden.h"
#include "tests/support/postgres_server.h"
#include "tests/support/raw_client.h"

namespace pgtls::collectors {
namespace {

using support::Client;
using support::PostgresServer;
using support::ServerTls;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class PolicyPgTest : public testing::Test {
 protected:
  PolicyPgTest() {
    server_.RunSqlFile("deploy/sql/monitoring_role.sql");
    server_.Execute("CREATE ROLE app LOGIN; CREATE ROLE old LOGIN");
    harness_.Connect(server_.Conninfo("user=tls_exporter sslmode=disable"));
  }

  std::string Tls(const std::string& more, const support::TestCa* ca = nullptr) {
    std::string conninfo = server_.Conninfo("sslmode=require sslrootcert=/none " + more);
    if (ca == nullptr) return conninfo + " sslcert=/none";
    const support::Certificate certificate = ca->Issue({.common_name = "client"});
    ++clients_;
    return conninfo + " sslcert=" + files_.Write(std::to_string(clients_) + ".crt", certificate.chain) +
           " sslkey=" + files_.Write(std::to_string(clients_) + ".key", certificate.key);
  }

  // "user reason", with "allowed" where an exemption covers them.
  std::vector<std::string> Violating(std::vector<config::Requirement> require) {
    harness_.server.policy.require = std::move(require);
    const sampling::Output output = harness_.Collect();
    incomplete_ = output.incomplete;
    std::vector<std::string> lines;
    for (const auto& group : output.facts.Get<sessions::Summary>()->violating) {
      lines.push_back(group.user + " " + std::string(group.reason) + (group.allowed ? " allowed" : ""));
    }
    return lines;
  }

  support::TestCa ca_{"Clients CA"};
  support::TempDir files_;
  int clients_ = 0;
  PostgresServer server_{{.tls = ServerTls{ca_.IssueForLocalhost(), ca_.certificate(), ""}}};
  Harness harness_{SessionsCollector()};
  std::vector<sampling::IncompletePart> incomplete_;  // of the last collection
};

TEST_F(PolicyPgTest, VersionCipherAndIssuerOfOpenSessions) {
  const Client modern(Tls("user=app", &ca_));
  const Client old(Tls("user=old ssl_max_protocol_version=TLSv1.2"));
  const Client plain(server_.Conninfo("user=old sslmode=disable"));
  EXPECT_THAT(Violating({}), IsEmpty());
  EXPECT_THAT(Violating({{.name = "r", .min_version = "TLSv1.2"}}), IsEmpty());
  EXPECT_THAT(Violating({{.name = "r", .min_version = "TLSv1.3"}}), UnorderedElementsAre("old version"));
  EXPECT_THAT(Violating({{.name = "r", .ciphers = {"TLS_AES_256_GCM_SHA384"}}}), UnorderedElementsAre("old cipher"));
  EXPECT_THAT(Violating({{.name = "r", .client_issuers = {"/CN=Clients CA"}}}),
              UnorderedElementsAre("old client_issuer"));
  EXPECT_THAT(Violating({{.name = "r", .client_issuers = {"/CN=Other CA"}}}),
              UnorderedElementsAre("old client_issuer", "app client_issuer"));
  EXPECT_THAT(Violating({{.name = "r", .user = "app", .min_version = "TLSv1.3"}}), IsEmpty());
  EXPECT_THAT(incomplete_, IsEmpty());
  harness_.server.policy.allow_unencrypted = {{.name = "legacy", .user = "old"}};
  EXPECT_THAT(Violating({{.name = "r", .min_version = "TLSv1.3", .ciphers = {"X"}}}),
              UnorderedElementsAre("old version allowed", "old cipher allowed", "app cipher"));
  const std::string page = harness_.CollectPage();
  const std::string family = "pg_tls_policy_violating_connections_by_network{server=\"db\",network=";
  EXPECT_THAT(page, HasSubstr(family + "\"loopback\",allowed=\"true\"} 1\n")) << "once, with two reasons";
  EXPECT_THAT(page, HasSubstr(family + "\"loopback\",allowed=\"false\"} 1\n"));
  EXPECT_THAT(page, HasSubstr(family + "\"remote\",allowed=\"false\"} 0\n"));
}

TEST_F(PolicyPgTest, WhoUsesWhichExemption) {
  harness_.server.policy.allow_unencrypted = {
      {.name = "legacy", .user = "old", .client_addr = Cidr::Parse("127.9.0.0/16")},
      {.name = "reports", .database = "postgres"},
      {.name = "unused", .user = "nobody"}};
  const support::RawClient legacy({.port = server_.port(), .source = "127.9.1.1", .user = "old"});
  const support::RawClient elsewhere({.port = server_.port(), .source = "127.8.1.1", .user = "old"});
  const Client encrypted(Tls("user=old"));
  const Client local(server_.SocketConninfo("user=app"));
  const std::string by = "pg_tls_policy_exempted_connections{server=\"db\",exemption=\"";
  const std::string sum = "pg_tls_policy_exempted_connections_by_exemption{server=\"db\",exemption=\"";
  const std::string page = harness_.CollectPage();
  EXPECT_EQ(support::Families(page, "pg_tls_policy_exempted_connections{") +
                support::Families(page, "pg_tls_policy_exempted_connections_by_exemption{"),
            by + "legacy\",database=\"postgres\",user=\"old\",client_addr=\"127.9.1.1\"} 1\n" +       //
                by + "reports\",database=\"postgres\",user=\"old\",client_addr=\"127.8.1.1\"} 1\n" +  //
                sum + "legacy\"} 1\n" + sum + "reports\"} 1\n" + sum + "unused\"} 0\n");
}

TEST_F(PolicyPgTest, AnIssuerWhoseNameIsCut) {
  const std::string name = "An authority for clients whose name is longer than shown: No. 1";
  const support::TestCa other(name);
  server_.SetTls({ca_.IssueForLocalhost(), other.certificate(), ""});
  server_.Reload();
  const Client client(Tls("user=app", &other));
  EXPECT_THAT(Violating({{.name = "r", .client_issuers = {"/CN=" + name}}}), IsEmpty());
  ASSERT_EQ(incomplete_.size(), 1u);
  EXPECT_EQ(incomplete_[0].part + " " + incomplete_[0].reason, "policy issuer_cut");
  EXPECT_THAT(Violating({{.name = "r", .client_issuers = {("/CN=" + name).substr(0, 63)}}}), IsEmpty());
  EXPECT_THAT(incomplete_, IsEmpty());
}

}  // namespace
}  // namespace pgtls::collectors
