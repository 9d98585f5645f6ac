// The sessions collector on real servers: what it says is what the clients are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectors/sessions.h"
#include "exporter/base/error.h"
#include "tests/collectors/harness.h"
#include "tests/support/golden.h"
#include "tests/support/kerberos.h"
#include "tests/support/postgres_server.h"
#include "tests/support/raw_client.h"

namespace pgtls::collectors {
namespace {

using support::Certificate;
using support::Client;
using support::Families;
using support::PostgresServer;
using support::RawClient;
using support::TempDir;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kRoleFile = "deploy/sql/monitoring_role.sql";
constexpr const char* kHba =
    "local all,replication all trust\n"
    "hostssl all certified 127.0.0.1/32 cert\n"
    "host all prompted 127.0.0.0/8 scram-sha-256\n"
    "host all,replication all 127.0.0.0/8 trust\n"
    "host all all ::1/128 trust\n";

support::PostgresOptions Options(const support::TestCa& ca) {
  return {.hba = kHba, .tls = support::ServerTls{.server = ca.IssueForLocalhost(), .client_ca = ca.certificate()}};
}

class SessionsPgTest : public testing::Test {
 protected:
  void SetUp() override {
    server_.RunSqlFile(kRoleFile);
    server_.Execute(
        "CREATE ROLE app LOGIN; CREATE ROLE certified LOGIN; CREATE ROLE standby LOGIN REPLICATION; "
        "CREATE ROLE prompted LOGIN PASSWORD 'secret'");
    harness_.Connect(server_.Conninfo("user=tls_exporter sslmode=require"));
  }
  std::string Page() { return harness_.CollectPage(); }

  support::TestCa ca_;
  PostgresServer server_{Options(ca_)};
  Harness harness_{SessionsCollector()};
};

TEST_F(SessionsPgTest, TellsEveryKindOfClient) {
  const TempDir files;
  const Certificate certificate = ca_.Issue({.common_name = "certified"});
  const std::string own =
      " sslcert=" + files.Write("c.crt", certificate.chain) + " sslkey=" + files.Write("c.key", certificate.key);

  const Client tls12(server_.Conninfo("user=app sslmode=require ssl_max_protocol_version=TLSv1.2"));
  const Client tls13(server_.Conninfo("user=app sslmode=require ssl_min_protocol_version=TLSv1.3"));
  const Client certified(server_.Conninfo("user=certified sslmode=require" + own));
  const Client walsender(server_.Conninfo("user=standby sslmode=require replication=true"));
  const Client local(server_.SocketConninfo("user=app"));
  const Client ipv6(server_.Conninfo("user=app host=::1 sslmode=disable application_name=report"));
  const RawClient plain2({.port = server_.port(), .source = "127.0.0.2", .user = "app"});
  const RawClient plain3({.port = server_.port(), .source = "127.1.2.3", .user = "app"});
  const RawClient plain3_again({.port = server_.port(), .source = "127.1.2.3", .user = "app"});
  const RawClient prompt({.port = server_.port(), .user = "prompted", .tls = true, .stop_at_authentication = true});
  ASSERT_EQ(prompt.state(), RawClient::State::kAuthenticationRequested);

  const std::string page = Page();
  const std::string tail = "\",backend_type=\"client backend\",encryption=\"";
  const std::string of = "pg_tls_connections{server=\"db\",database=\"postgres\",user=\"";
  EXPECT_EQ(Families(page, "pg_tls_connections{"),
            "pg_tls_connections{server=\"db\",database=\"\",user=\"standby\",client_addr=\"\",network=\"loopback\","
            "backend_type=\"walsender\",encryption=\"tls\"} 1\n" +
                of + "app\",client_addr=\"\",network=\"local" + tail + "none\"} 1\n" +  //
                of + "app\",client_addr=\"\",network=\"loopback" + tail + "none\"} 4\n" + of +
                "app\",client_addr=\"\",network=\"loopback" + tail + "tls\"} 2\n" + of +
                "certified\",client_addr=\"\",network=\"loopback" + tail + "tls\"} 1\n");
  const std::string unencrypted =
      "pg_tls_unencrypted_connections{server=\"db\",database=\"postgres\",user=\"app\",client_addr=\"";
  EXPECT_EQ(Families(page, "pg_tls_unencrypted_connections{"),
            unencrypted + "127.0.0.2\",application_name=\"\",network=\"loopback\",allowed=\"false\"} 1\n" +
                unencrypted + "127.1.2.3\",application_name=\"\",network=\"loopback\",allowed=\"false\"} 2\n" +
                unencrypted + "::1\",application_name=\"report\",network=\"loopback\",allowed=\"false\"} 1\n");
  EXPECT_THAT(
      page,
      HasSubstr("pg_tls_unencrypted_connections_by_network{server=\"db\",network=\"loopback\",allowed=\"false\"} 4\n"));
  EXPECT_THAT(page, HasSubstr("pg_tls_cipher_connections{server=\"db\",version=\"TLSv1.2\",cipher=\"ECDHE-ECDSA-AES256-"
                              "GCM-SHA384\",bits=\"256\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("pg_tls_cipher_connections{server=\"db\",version=\"TLSv1.3\",cipher=\"TLS_AES_256_GCM_"
                              "SHA384\",bits=\"256\"} 3\n"));
  EXPECT_EQ(Families(page, "pg_tls_client_certificate_connections{"),
            "pg_tls_client_certificate_connections{server=\"db\",user=\"certified\",client_dn=\"/"
            "CN=certified\",issuer_dn=\"/CN=Test CA\"} 1\n");
  if (server_.major() >= 18) {
    EXPECT_THAT(page, HasSubstr("pg_tls_authenticating_connections{server=\"db\",network=\"loopback\"} 1\n"));
  } else {
    EXPECT_THAT(page, Not(HasSubstr("pg_tls_authenticating_connections")));
  }
}

TEST_F(SessionsPgTest, WhatEndedIsGoneAtOnce) {
  Client plain(server_.Conninfo("user=app sslmode=disable"));
  EXPECT_THAT(Page(), HasSubstr("pg_tls_unencrypted_connections{"));
  plain.Close();
  const std::string page = Page();
  EXPECT_THAT(page, Not(HasSubstr("pg_tls_unencrypted_connections{")));
  EXPECT_THAT(
      page,
      HasSubstr("pg_tls_unencrypted_connections_by_network{server=\"db\",network=\"loopback\",allowed=\"false\"} 0\n"));
}

TEST_F(SessionsPgTest, TheExportersOwnBackendsDoNotCount) {
  const std::string theirs = "user=\"tls_exporter\",client_addr";
  std::optional<sampling::OwnBackends::Login> login(std::in_place, harness_.own_backends, "tls_exporter");
  std::optional<Client> other_lane(std::in_place, server_.Conninfo("user=tls_exporter sslmode=disable"));
  EXPECT_THAT(Page(), HasSubstr(theirs)) << "nobody has said whose it is";
  login->Known(other_lane->pid());
  EXPECT_THAT(Page(), Not(HasSubstr(theirs)));
  // The connection is closed for the exporter; the server has not ended it.
  login.reset();
  EXPECT_THAT(Page(), Not(HasSubstr(theirs)));
  other_lane->Close();
  const Client stranger(server_.Conninfo("user=tls_exporter sslmode=disable"));
  EXPECT_THAT(Page(), HasSubstr(theirs));
}

TEST_F(SessionsPgTest, CountsASessionOnceThroughReconnectsAndRestarts) {
  const std::string counter =
      "pg_tls_unencrypted_sessions_total{server=\"db\",network=\"loopback\",allowed=\"false\"} ";
  const Client before(server_.Conninfo("user=app sslmode=disable"));
  EXPECT_THAT(Page(), HasSubstr(counter + "0\n"));
  const Client after(server_.Conninfo("user=app sslmode=disable"));
  EXPECT_THAT(Page(), HasSubstr(counter + "1\n"));
  EXPECT_THAT(Page(), HasSubstr(counter + "1\n"));

  harness_.Connect(server_.Conninfo("user=tls_exporter sslmode=require"));
  EXPECT_THAT(Page(), HasSubstr(counter + "1\n"));

  server_.Restart();
  EXPECT_THROW(Page(), DbError);
  harness_.Connect(server_.Conninfo("user=tls_exporter sslmode=require"));
  const Client back(server_.Conninfo("user=app sslmode=disable"));
  EXPECT_THAT(Page(), HasSubstr(counter + "2\n"));
}

TEST_F(SessionsPgTest, ARoleThatDoesNotSeeOthersReportsNothing) {
  server_.Execute(
      "CREATE ROLE blind LOGIN; CREATE ROLE \"No Inherit\" LOGIN NOINHERIT; GRANT pg_monitor TO \"No Inherit\"");
  const Client plain(server_.Conninfo("user=app sslmode=disable"));
  for (const char* role : {"blind", "\"No Inherit\""}) {
    std::string user = role;
    std::erase(user, '"');
    harness_.Connect(server_.Conninfo("user=" + support::Quoted(user) + " sslmode=require"));
    try {
      Page();
      ADD_FAILURE() << role << " does not see other sessions and reports counts";
    } catch (const Error& error) {
      EXPECT_EQ(error.reason(), FailureReason::kInsufficientPrivilege);
      EXPECT_THAT(error.what(), HasSubstr(std::string("GRANT pg_read_all_stats TO ") + role));
    }
  }
  server_.Execute("GRANT pg_monitor TO blind");
  harness_.Connect(server_.Conninfo("user=blind sslmode=require"));
  EXPECT_THAT(Page(), HasSubstr("pg_tls_unencrypted_connections{"));
}

TEST_F(SessionsPgTest, OddNamesStayOnOneLineEach) {
  // From 19 on no name has a newline.
  const bool newline = server_.major() < 19;
  server_.Execute(newline ? "CREATE ROLE \"a\"\"b\\c\nd\" LOGIN" : "CREATE ROLE \"a\"\"b\\c d\" LOGIN");
  server_.Execute("CREATE DATABASE \"x{}\"\"=\\\"");
  const RawClient plain({.port = server_.port(), .user = newline ? "a\"b\\c\nd" : "a\"b\\c d", .database = "x{}\"=\\"});
  ASSERT_EQ(plain.state(), RawClient::State::kReady);
  EXPECT_THAT(Page(), HasSubstr(std::string("database=\"x{}\\\"=\\\\\",user=\"a\\\"b\\\\c") + (newline ? "\\n" : " ") +
                                "d\",client_addr=\"127.0.0.1\","));
}

TEST(SessionsSqlAsciiPgTest, BytesThatAreNoTextStayDistinct) {
  PostgresServer server({.sql_ascii = true});
  server.RunSqlFile(kRoleFile);
  server.Execute("CREATE ROLE \"\xe9\" LOGIN; CREATE ROLE \"\xe8\" LOGIN");
  const Client a(server.Conninfo("user=\xe9"));
  const Client b(server.Conninfo("user=\xe8"));
  Harness harness(SessionsCollector());
  harness.Connect(server.Conninfo("user=tls_exporter"));
  const std::string page = harness.CollectPage();
  EXPECT_THAT(page, HasSubstr("user=\"\xEF\xBF\xBDxe9\",client_addr=\"127.0.0.1\""));
  EXPECT_THAT(page, HasSubstr("user=\"\xEF\xBF\xBDxe8\",client_addr=\"127.0.0.1\""));
}

TEST(SessionsSqlAsciiPgTest, NamesFromADatabaseOfAnotherEncodingPass) {
  PostgresServer server;
  server.RunSqlFile(kRoleFile);
  server.Execute("CREATE DATABASE latin1 ENCODING LATIN1 TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'");
  // One byte in the shared catalog, which is no text in the database that the exporter is connected to.
  Client(server.SocketConninfo("dbname=latin1 client_encoding=LATIN1")).Query("CREATE ROLE \"\xe9\" LOGIN");
  const Client plain(server.Conninfo("user=\xe9"));
  Harness harness(SessionsCollector());
  harness.Connect(server.Conninfo("user=tls_exporter client_encoding=LATIN1"));
  EXPECT_THAT(harness.CollectPage(), HasSubstr("user=\"\xEF\xBF\xBDxe9\",client_addr=\"127.0.0.1\""));
}

TEST(SessionsGssPgTest, GssEncryptionIsEncryption) {
  const support::KerberosRealm realm;
  PostgresServer server({.major = support::GssMajor(),
                         .hba = "local all all trust\nhostgssenc all all 127.0.0.1/32 gss include_realm=0\n",
                         .settings = {"krb_server_keyfile = '" + realm.server_keytab() + "'"},
                         .environment = realm.environment()});
  server.RunSqlFile(kRoleFile);
  server.Execute("CREATE ROLE bob LOGIN");
  realm.SetEnvironment();
  realm.LogIn("bob");
  const Client client(server.Conninfo("host=localhost user=bob gssencmode=require"));
  Harness harness(SessionsCollector());
  harness.Connect(server.SocketConninfo("user=tls_exporter"));
  const std::string page = harness.CollectPage();
  EXPECT_THAT(page, HasSubstr("user=\"bob\",client_addr=\"\",network=\"loopback\",backend_type=\"client "
                              "backend\",encryption=\"gss\"} 1\n"));
  EXPECT_THAT(
      page,
      HasSubstr("pg_tls_unencrypted_connections_by_network{server=\"db\",network=\"loopback\",allowed=\"false\"} 0\n"));
}

}  // namespace
}  // namespace pgtls::collectors
