// `check` against real servers: a careful one, one as initdb leaves it, and a bad one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <tuple>
#include <utility>

#include "collectors/registry.h"
#include "exporter/audit/check.h"
#include "exporter/audit/explain.h"
#include "exporter/db/connector.h"
#include "exporter/postgres/driver.h"
#include "exporter/report/report.h"
#include "exporter/sampling/once.h"
#include "tests/exporter/audit/collect_from.h"
#include "tests/support/golden.h"
#include "tests/support/postgres_server.h"
#include "tests/support/raw_client.h"

namespace pgtls::audit {
namespace {

using support::PostgresServer;
using support::TempDir;

std::vector<ServerReport> CheckServer(const std::string& conninfo) { return Check(CollectFrom(conninfo), Now()); }

// What differs from run to run and from version to version.
std::string Report(const std::vector<ServerReport>& reports) {
  return support::Masked(report::TextReport(reports), {{"PostgreSQL [^)]*\\)+", "PostgreSQL N)"},
                                                       {"(/dev/shm|/tmp)/pgtls-[A-Za-z0-9]*", "/tmp/DIR"},
                                                       {"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} UTC", "TIME"},
                                                       {"valid for [0-9]+ days", "valid for N days"},
                                                       {"127\\.0\\.0\\.1:[0-9]+", "127.0.0.1:PORT"},
                                                       {"\\[?::1\\]?:[0-9]+", "127.0.0.1:PORT"}});
}

std::string Golden(const char* name) { return std::string("tests/exporter/audit/testdata/") + name + ".txt"; }

TEST(CheckPgTest, FindsNothingWrongWithACarefulServer) {
  const support::TestCa ca;
  PostgresServer server({.hba = "local all postgres trust\n"
                                "hostnossl all,replication all all reject\n"
                                "hostssl all tls_exporter 127.0.0.1/32 scram-sha-256\n"
                                "hostssl app app 10.0.0.0/8 scram-sha-256\n",
                         .settings = {"ssl_ciphers = 'HIGH:!aNULL:!MEDIUM'"},
                         .tls = support::ServerTls{.server = ca.IssueForLocalhost()}});
  server.RunSqlFile("deploy/sql/monitoring_role.sql");
  server.Execute("ALTER ROLE tls_exporter PASSWORD 'geheim'");
  const TempDir files;
  const auto reports = CheckServer(server.Conninfo(
      "user=tls_exporter password=geheim sslmode=verify-full sslrootcert=" + files.Write("ca.crt", ca.certificate())));
  EXPECT_TRUE(support::MatchesGolden(Golden("careful"), Report(reports)));
  EXPECT_EQ(ExitCode(reports), 0) << report::TextReport(reports);
}

TEST(CheckPgTest, TellsWhatIsWrongWithAServerAsItComes) {
  PostgresServer server;
  const auto reports = CheckServer(server.Conninfo("sslmode=prefer"));
  EXPECT_TRUE(support::MatchesGolden(Golden("default"), Report(reports)));
  EXPECT_EQ(ExitCode(reports), 2) << report::TextReport(reports);
}

TEST(CheckPgTest, TellsAllThatIsWrongWithABadServer) {
  support::CertificateSpec spec;
  spec.common_name = "old.example.com";
  spec.not_before = -std::chrono::days(400);
  spec.not_after = -std::chrono::days(30);
  spec.key = support::KeyType::kRsa2048;  // OpenSSL refuses a server with a smaller one
  PostgresServer server({.hba = "local all all trust\n"
                                "hostssl all all 0.0.0.0/0 md5\n"
                                "host all all 127.0.0.0/8 trust\n"
                                "host all all 10.0.0.0/8 trust\n"
                                "host all all 192.168.0.0/16 password\n"
                                "host erp all 10.1.0.0/16 scram-sha-256\n",
                         .settings = {"ssl_min_protocol_version = 'TLSv1'", "ssl_ciphers = 'ALL:@SECLEVEL=0'",
                                      "password_encryption = 'md5'"},
                         .tls = support::ServerTls{.server = support::SelfSigned(spec)}});
  server.RunSqlFile("deploy/sql/monitoring_role.sql");
  server.Set("ssl_prefer_server_ciphers = off");
  const support::RawClient plain({.port = server.port(), .source = "127.0.0.2"});
  const auto reports = CheckServer(server.Conninfo("user=tls_exporter sslmode=disable"));
  EXPECT_TRUE(support::MatchesGolden(Golden("bad"), Report(reports)));
  EXPECT_EQ(ExitCode(reports), 2) << report::TextReport(reports);
}

Finding FindingOf(const std::vector<ServerReport>& reports, std::string_view id) {
  for (const Finding& finding : reports.front().findings) {
    if (finding.id == id) return finding;
  }
  ADD_FAILURE() << "no " << id << " in\n" << report::TextReport(reports);
  return {};
}

// The conninfo as the exporter makes it by default: sslmode=require.
TEST(CheckPgTest, TellsThatAServerHasNoTls) {
  PostgresServer server;
  const auto reports = CheckServer(server.Conninfo("sslmode=require"));
  const Finding login = FindingOf(reports, "no_login");
  EXPECT_EQ(login.title, "Could not log in: the server has no TLS, and sslmode requires it");
  EXPECT_THAT(login.evidence, testing::Contains(testing::HasSubstr("the answer to SSLRequest is N")));
  EXPECT_THAT(login.remedy, testing::AllOf(testing::HasSubstr("sslmode=prefer"), testing::HasSubstr("ssl = on")));
  EXPECT_THAT(FindingOf(reports, "wire_no_tls").remedy, testing::HasSubstr("ssl = on"));
  EXPECT_THAT(FindingOf(reports, "not_looked_at").remedy, testing::HasSubstr("no_login"));
  EXPECT_THAT(report::TextReport(reports), testing::Not(testing::HasSubstr("monitoring_role.sql")));
}

// libpq verifies with ~/.postgresql/root.crt where it exists, under require and prefer too.
TEST(CheckPgTest, NamesTheRootThatNobodyAskedFor) {
  const TempDir home;
  std::filesystem::create_directory(home.path() + "/.postgresql");
  const std::string root = home.Write(".postgresql/root.crt", support::TestCa("Other CA").certificate());
  const std::string before = getenv("HOME");  // NOLINT(concurrency-mt-unsafe)
  setenv("HOME", home.path().c_str(), 1);     // NOLINT(concurrency-mt-unsafe)
  const support::TestCa ca("Our CA");
  PostgresServer server({.tls = support::ServerTls{.server = ca.IssueForLocalhost()}});
  const auto reports = CheckServer(server.Conninfo("sslmode=require"));
  setenv("HOME", before.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
  for (const char* id : {"no_login", "chain_not_verified", "client_protection_none"}) {
    const Finding finding = FindingOf(reports, id);
    EXPECT_THAT(finding.evidence,
                testing::IsSupersetOf({std::string("issued by CN=Our CA"), "verified with " + root +
                                                                               " (libpq's default, sslrootcert is "
                                                                               "not set)"}))
        << id;
    EXPECT_THAT(finding.remedy, testing::HasSubstr("sslrootcert")) << id;
  }
  EXPECT_THAT(FindingOf(reports, "no_login").title, testing::HasSubstr("not verified by the root certificates"));
}

TEST(CheckPgTest, NamesTheNamesOfTheCertificate) {
  const support::TestCa ca;
  PostgresServer server(
      {.tls = support::ServerTls{
           .server = ca.Issue({.common_name = "db", .dns_names = {"a.example.com", "b.example.com"}})}});
  const TempDir files;
  const std::string root = " sslrootcert=" + files.Write("ca.crt", ca.certificate());
  for (const auto& [mode, id] : {std::pair("require", "wrong_host"), std::pair("require", "client_protection_partial"),
                                 std::pair("verify-full", "no_login")}) {
    const auto reports = CheckServer(server.Conninfo("sslmode=" + std::string(mode) + root));
    EXPECT_THAT(FindingOf(reports, id).evidence,
                testing::Contains("the certificate's subjectAltName: DNS:a.example.com,DNS:b.example.com"));
    EXPECT_THAT(FindingOf(reports, id).remedy, testing::HasSubstr("subjectAltName"));
  }
}

TEST(CheckPgTest, TellsWhichConnectionPgHbaConfWants) {
  const support::TestCa ca;
  PostgresServer server({.hba = "local all all trust\n"
                                "hostssl all secure 127.0.0.1/32 trust\n"
                                "hostnossl all plain 127.0.0.1/32 trust\n"
                                "hostssl all certified 127.0.0.1/32 cert\n",
                         .tls = support::ServerTls{.server = ca.IssueForLocalhost(), .client_ca = ca.certificate()}});
  server.Execute("CREATE ROLE secure LOGIN; CREATE ROLE plain LOGIN; CREATE ROLE certified LOGIN");
  const auto login = [&](const std::string& more) { return FindingOf(CheckServer(server.Conninfo(more)), "no_login"); };
  const Finding tls = login("user=secure sslmode=disable");
  EXPECT_THAT(tls.evidence, testing::Contains("over TLS, pg_hba.conf admits this user and database from here"));
  EXPECT_THAT(tls.remedy, testing::StartsWith("Put sslmode=require"));
  const Finding plain = login("user=plain sslmode=require");
  EXPECT_THAT(plain.evidence,
              testing::IsSupersetOf({"over TLS, pg_hba.conf refuses this user and database from here",
                                     "without TLS, pg_hba.conf admits this user and database from here"}));
  EXPECT_THAT(plain.remedy, testing::HasSubstr("hostssl"));
  const Finding certified = login("user=certified sslmode=require");
  EXPECT_THAT(certified.evidence,
              testing::Contains("the server asks for a client certificate, and none is configured"));
  EXPECT_THAT(certified.remedy, testing::HasSubstr("sslcert"));
}

// What keeps a client that requires TLS from connecting, tried with real servers.
TEST(CheckPgTest, TellsWhyNoModeProtects) {
  const support::TestCa ca;
  const support::TestCa other("Other CA");
  const TempDir files;
  PostgresServer server({.hba = "local all all trust\n"
                                "hostnossl all postgres 127.0.0.1/32 trust\n"
                                "hostssl all tls_user 127.0.0.1/32 trust\n",
                         .tls = support::ServerTls{.server = ca.IssueForLocalhost(), .client_ca = ca.certificate()}});
  const auto finding = [&](const std::string& more) {
    return FindingOf(CheckServer(server.Conninfo(more)), "client_protection_none");
  };
  const auto client = [&](const support::Certificate& certificate, const std::string& name) {
    return " sslcert=" + files.Write(name + ".crt", certificate.chain) +
           " sslkey=" + files.Write(name + ".key", certificate.key);
  };
  EXPECT_THAT(finding("sslmode=disable").remedy, testing::HasSubstr("hostssl"));
  EXPECT_THAT(finding("user=tls_user sslmode=require" + client(other.Issue({.common_name = "x"}), "unknown")).remedy,
              testing::HasSubstr("ssl_ca_file"));
  EXPECT_THAT(finding("user=tls_user sslmode=require" + client(ca.Issue({.common_name = "x",
                                                                         .not_before = -std::chrono::days(9),
                                                                         .not_after = -std::chrono::days(1)}),
                                                               "expired"))
                  .remedy,
              testing::HasSubstr("Renew the client certificate"));
  EXPECT_THAT(finding("user=tls_user sslmode=require sslcert=" + files.Write("bad.crt", "nonsense")).remedy,
              testing::HasSubstr("sslcert"));
  server.Set("ssl_min_protocol_version = 'TLSv1.3'");
  server.Reload();
  EXPECT_THAT(finding("user=tls_user sslmode=require ssl_max_protocol_version=TLSv1.2").remedy,
              testing::HasSubstr("ssl_max_protocol_version"));
}

// libpq binds a SCRAM login to a digest that the certificate's signature names: what counts is the authority's key, and
// not the server's. The verdict stands beside a real login.
TEST(CheckPgTest, TellsWhichCertificatesKeepScramFromWorking) {
  using support::Client;
  using support::KeyType;
  PostgresServer server({.hba = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n",
                         .tls = support::ServerTls{.server = support::TestCa().IssueForLocalhost()}});
  server.RunSqlFile("deploy/sql/monitoring_role.sql");
  server.Execute("SET password_encryption = 'scram-sha-256'; ALTER ROLE tls_exporter PASSWORD 'geheim'");
  const std::string conninfo = server.Conninfo("user=tls_exporter password=geheim sslmode=require ");
  const auto serve = [&](KeyType authority, KeyType key) {
    const support::TestCa ca("Our CA", {.key = authority});
    server.SetTls({.server = ca.Issue({.ip_addresses = {"127.0.0.1"}, .key = key})});
    server.Reload();
  };
  for (const auto& [authority, key, signature] : {std::tuple(KeyType::kEd25519, KeyType::kEd25519, "ED25519"),
                                                  std::tuple(KeyType::kEd25519, KeyType::kRsa2048, "ED25519"),
                                                  std::tuple(KeyType::kEd448, KeyType::kEc256, "ED448")}) {
    SCOPED_TRACE(signature);
    serve(authority, key);
    EXPECT_THAT(Client::WhyNot(conninfo).value_or("logged in"), testing::HasSubstr("could not find digest for NID"));
    EXPECT_EQ(Client::WhyNot(conninfo + "channel_binding=disable"), std::nullopt);
    for (const char* more : {"", "channel_binding=disable"}) {
      const Finding finding = FindingOf(CheckServer(conninfo + more), "scram_impossible");
      EXPECT_THAT(finding.evidence, testing::Contains(std::string("served: signed with ") + signature));
      EXPECT_THAT(finding.remedy, testing::HasSubstr("channel_binding=disable"));
    }
  }
  for (const auto& [authority, key] :
       {std::pair(KeyType::kRsa2048, KeyType::kEd25519), std::pair(KeyType::kEc256, KeyType::kEd448),
        std::pair(KeyType::kRsaPss, KeyType::kRsa2048)}) {
    serve(authority, key);
    EXPECT_EQ(Client::WhyNot(conninfo + "channel_binding=require"), std::nullopt);
    EXPECT_THAT(report::TextReport(CheckServer(conninfo)), testing::Not(testing::HasSubstr("scram_impossible")));
  }
}

// What the server and libpq do with a login over TLS, beside what `explain` says of it.
class ExplainLoginPgTest : public testing::Test {
 protected:
  void SetUp() override {
    server_.RunSqlFile("deploy/sql/monitoring_role.sql");
    server_.Execute("SET password_encryption = 'scram-sha-256'; CREATE ROLE ann LOGIN PASSWORD 'geheim'");
  }
  void SetRule(const std::string& rule) {
    server_.SetHba("local all all trust\nhostssl all ann 127.0.0.1/32 " + rule + "\nhost all tls_exporter all trust\n");
    server_.Reload();
  }
  // The server's or libpq's error; "logged in" without one. `name`: of the client certificate; empty: none.
  std::string LogIn(const std::string& name, const std::string& more = "") const {
    const support::TempDir files;
    std::string conninfo = server_.Conninfo("user=ann password=geheim sslmode=require " + more);
    if (!name.empty()) {
      const support::Certificate client = ca_.Issue({.common_name = name});
      conninfo +=
          " sslcert=" + files.Write("c.crt", client.certificate) + " sslkey=" + files.Write("c.key", client.key);
    }
    return support::Client::WhyNot(conninfo).value_or("logged in");
  }
  std::string Explained(bool certificate, const std::string& conninfo, int exit_code = 0) const {
    const auto servers = CollectFrom(conninfo, {"ann"});
    const Explanation explanation = Explain(*servers.front(),
                                            {.user = "ann",
                                             .database = "postgres",
                                             .address = "127.0.0.1",
                                             .encryption = "tls",
                                             .client_certificate = certificate},
                                            Now());
    EXPECT_EQ(explanation.exit_code, exit_code) << explanation.text;
    return explanation.text;
  }

  support::TestCa ca_;
  PostgresServer server_{
      {.hba = "local all all trust\n", .tls = support::ServerTls{ca_.IssueForLocalhost(), ca_.certificate(), ""}}};
};

TEST_F(ExplainLoginPgTest, TellsWhichNameTheCertificateNeeds) {
  using testing::HasSubstr;
  const auto explained = [&] { return Explained(true, server_.Conninfo("user=tls_exporter")); };
  SetRule("scram-sha-256 clientcert=verify-full");
  EXPECT_EQ(LogIn("ann"), "logged in");
  EXPECT_THAT(LogIn("bob"), HasSubstr("password authentication failed for user \"ann\""));
  EXPECT_THAT(explained(), HasSubstr("the certificate's CN must be the user name; with another certificate the server "
                                     "answers 'password authentication failed'"));
  SetRule("scram-sha-256 clientcert=verify-ca");
  EXPECT_EQ(LogIn("bob"), "logged in");
  EXPECT_THAT(explained(), testing::Not(HasSubstr("required by line")));
  SetRule("trust clientcert=verify-full");
  EXPECT_THAT(LogIn("bob"), HasSubstr("\"trust\" authentication failed for user \"ann\""));
  EXPECT_THAT(explained(), HasSubstr("with another certificate the server answers '\"trust\" authentication failed'"));
  // A map of pg_ident.conf is for the method cert only, not for clientcert=verify-full with a password.
  server_.WriteDataFile("pg_ident.conf", "m bob ann\n");
  SetRule("cert map=m");
  EXPECT_EQ(LogIn("bob"), "logged in");
  EXPECT_THAT(LogIn("ann"), HasSubstr("certificate authentication failed for user \"ann\""));
  EXPECT_THAT(explained(),
              HasSubstr("pg_ident.conf must map the certificate's CN to the user name (map=m); with another "
                        "certificate the server answers 'certificate authentication failed'"));
  SetRule("scram-sha-256 clientcert=verify-full map=m");
  EXPECT_EQ(LogIn("bob"), "logged in") << "the file was refused: the rule before it is in force";
  EXPECT_THAT(Explained(true, server_.Conninfo("user=tls_exporter"), 3), HasSubstr("refused: "));
}

TEST_F(ExplainLoginPgTest, SaysWhereScramCannotWork) {
  const support::TestCa authority("Our CA", {.key = support::KeyType::kEd25519});
  server_.SetTls({.server = authority.Issue({.ip_addresses = {"127.0.0.1"}})});
  SetRule("scram-sha-256");
  const auto says = testing::HasSubstr("with method scram-sha-256 libpq cannot log in");
  EXPECT_THAT(LogIn(""), testing::HasSubstr("could not find digest for NID"));
  EXPECT_EQ(LogIn("", "channel_binding=disable"), "logged in");
  for (const std::string& conninfo :
       {server_.Conninfo("user=tls_exporter"), server_.SocketConninfo("user=tls_exporter")})
    EXPECT_THAT(Explained(false, conninfo), says) << "over a Unix socket by the file";
  SetRule("trust");
  EXPECT_EQ(LogIn(""), "logged in");
  EXPECT_THAT(Explained(false, server_.Conninfo("user=tls_exporter")), testing::Not(says));
}

TEST(ExplainPgTest, AsksTheServerAboutNamesThatDoNotExist) {
  PostgresServer server(
      {.hba = "local all postgres trust\nhost all /^app_ 127.0.0.0/8 trust\nhost all app 127.0.0.0/8 trust\n"});
  const auto about = [&](const std::string& user) {
    const auto servers = CollectFrom(server.SocketConninfo(), {user});
    return Explain(*servers.front(), {.user = user, .database = "erp", .address = "127.0.0.1"}, Now()).exit_code;
  };
  EXPECT_EQ(about("app_one"), server.major() >= 16 ? 0 : 1);
  EXPECT_EQ(about("ap"), 1);
  EXPECT_EQ(about("app"), 0);
}

}  // namespace
}  // namespace pgtls::audit
