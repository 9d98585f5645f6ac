// The test support proves itself: what other tests build on works on every major version.
#include "tests/support/postgres_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>

#include "tests/support/raw_client.h"

namespace pgtls::support {
namespace {

using ::testing::HasSubstr;
using State = RawClient::State;

std::string SslOf(PostgresServer& server, int pid) {
  const Rows rows = server.Query("SELECT ssl, version, client_dn FROM pg_stat_ssl WHERE pid = " + std::to_string(pid));
  if (rows.empty()) return "gone";
  return rows[0][0].value_or("null") + " " + rows[0][1].value_or("null") + " " + rows[0][2].value_or("null");
}

PostgresServer TlsServer(const TestCa& ca, const std::string& hba) {
  return PostgresServer(
      {.hba = hba, .tls = ServerTls{.server = ca.IssueForLocalhost(), .client_ca = ca.certificate()}});
}

constexpr const char* kHba =
    "local all all trust\n"
    "hostssl all certified 127.0.0.1/32 cert\n"
    "hostssl all all 127.0.0.1/32 trust\n"
    "host all all 127.0.0.2/32 password\n"
    "host all all 127.0.0.3/32 scram-sha-256\n";

TEST(PostgresServer, RunsTheMajorVersionAskedFor) {
  const PostgresServer server;
  const Rows rows = server.Query("SHOW server_version_num");
  EXPECT_EQ(std::stoi(*rows[0][0]) / 10000, TestMajor());
}

TEST(PostgresServer, ServesTlsOfBothVersionsWithAndWithoutClientCertificate) {
  const TestCa ca;
  PostgresServer server = TlsServer(ca, kHba);
  server.Execute("CREATE ROLE certified LOGIN");
  const TempDir files;
  const Certificate certificate = ca.Issue({.common_name = "certified"});
  const std::string root = files.Write("ca.crt", ca.certificate());
  const std::string own =
      " sslcert=" + files.Write("c.crt", certificate.chain) + " sslkey=" + files.Write("c.key", certificate.key);

  Client old(server.Conninfo("sslmode=verify-full sslrootcert=" + root + " ssl_max_protocol_version=TLSv1.2"));
  Client current(server.Conninfo("sslmode=require ssl_min_protocol_version=TLSv1.3"));
  Client certified(server.Conninfo("user=certified sslmode=require" + own));
  Client local(server.SocketConninfo());
  EXPECT_EQ(SslOf(server, old.pid()), "t TLSv1.2 null");
  EXPECT_EQ(SslOf(server, current.pid()), "t TLSv1.3 null");
  EXPECT_EQ(SslOf(server, certified.pid()), "t TLSv1.3 /CN=certified");
  EXPECT_EQ(SslOf(server, local.pid()), "f null null");
  EXPECT_THAT(Client::WhyNot(server.Conninfo("sslmode=disable")).value_or(""), HasSubstr("no pg_hba.conf entry"));
}

TEST(RawClient, ComesFromAnAddressAndTellsWhatTheServerAnswered) {
  const TestCa ca;
  PostgresServer server = TlsServer(ca, kHba);
  server.Execute("CREATE ROLE bob LOGIN PASSWORD 'secret'");
  const int port = server.port();

  const RawClient tls({.port = port, .user = "bob", .tls = true, .tls_options = {.version = TLS1_2_VERSION}});
  EXPECT_EQ(tls.state(), State::kReady);
  EXPECT_EQ(tls.authentication(), 0);
  EXPECT_EQ(SslOf(server, tls.pid()), "t TLSv1.2 null");

  RawClient plain({.port = port, .source = "127.0.0.2", .user = "bob", .password = "secret"});
  EXPECT_EQ(plain.state(), State::kReady);
  const Rows rows =
      server.Query("SELECT host(client_addr) FROM pg_stat_activity WHERE pid = " + std::to_string(plain.pid()));
  EXPECT_EQ(rows.at(0).at(0), "127.0.0.2");
  plain.Close();

  const RawClient prompt({.port = port, .source = "127.0.0.2", .user = "bob", .stop_at_authentication = true});
  EXPECT_EQ(prompt.state(), State::kAuthenticationRequested);
  EXPECT_EQ(prompt.authentication(), 3);
  if (TestMajor() >= 18) {
    EXPECT_EQ(server.Query("SELECT count(*) FROM pg_stat_activity WHERE state = 'starting'")[0][0], "1");
  }
  const RawClient scram({.port = port, .source = "127.0.0.3", .user = "nobody"});
  EXPECT_EQ(scram.authentication(), 10);

  const RawClient refused({.port = port, .source = "127.0.0.9", .user = "bob"});
  EXPECT_EQ(refused.state(), State::kRefused);
  EXPECT_EQ(refused.error_sqlstate(), "28000");
  EXPECT_EQ(refused.error_routine(), "ClientAuthentication");

  const RawClient wrong({.port = port, .source = "127.0.0.2", .user = "bob", .password = "wrong"});
  EXPECT_EQ(wrong.state(), State::kRefused);
  EXPECT_EQ(wrong.error_routine(), "auth_failed");

  if (TestMajor() >= 17) {
    const RawClient direct({.port = port, .user = "bob", .tls = true, .tls_options = {.direct = true}});
    EXPECT_EQ(direct.state(), State::kReady);
  }
}

TEST(PostgresServer, ReloadIsInForceWhenItReturns) {
  const TestCa ca;
  PostgresServer server = TlsServer(ca, "local all all trust\nhost all all 127.0.0.1/32 trust\n");
  for (int round = 0; round < 5; ++round) {
    server.SetHba("local all all trust\nhostssl all all 127.0.0.1/32 trust\n");
    server.Reload();
    ASSERT_EQ(RawClient({.port = server.port()}).state(), State::kRefused);
    server.SetHba("local all all trust\nhost all all 127.0.0.1/32 trust\n");
    server.Reload();
    ASSERT_EQ(RawClient({.port = server.port()}).state(), State::kReady);
  }
}

TEST(PostgresServer, SurvivesBeingKilledStoppedAndPaused) {
  PostgresServer server;
  server.Execute("CREATE TABLE kept()");
  Client client(server.Conninfo());
  client.Send("SELECT pg_sleep(600)");
  server.Pause();
  EXPECT_EQ(server.Processes().size() > 3, true);
  server.Resume();
  server.Kill();
  EXPECT_TRUE(server.Processes().empty());
  server.Start();
  EXPECT_EQ(server.Query("SELECT count(*) FROM kept")[0][0], "0");
  server.Restart();
  EXPECT_EQ(server.Query("SELECT count(*) FROM kept")[0][0], "0");
}

TEST(PostgresServer, LeavesNothingBehindWhenTheTestDies) {
  std::string directory;
  pid_t postmaster = 0;
  const pid_t test = fork();
  if (test == 0) {
    // In the child: a server, its whereabouts told, then the worst possible end.
    const PostgresServer server;
    WriteFile("/tmp/pgtls-orphan-" + std::to_string(getpid()),
              server.socket_dir() + " " + std::to_string(server.postmaster()));
    raise(SIGKILL);
  }
  waitpid(test, nullptr, 0);
  const std::string note = "/tmp/pgtls-orphan-" + std::to_string(test);
  std::istringstream(ReadFile(note)) >> directory >> postmaster;
  std::filesystem::remove(note);
  EXPECT_TRUE(WaitUntil([&] { return !std::filesystem::exists(directory) && kill(postmaster, 0) != 0; }))
      << directory << " " << postmaster;
}

TEST(PostgresServer, MakesASqlAsciiCluster) {
  const PostgresServer server({.sql_ascii = true});
  EXPECT_EQ(server.Query("SHOW server_encoding")[0][0], "SQL_ASCII");
  server.Execute("CREATE ROLE \"bad\xff\" LOGIN");
  EXPECT_EQ(server.Query("SELECT rolname FROM pg_authid WHERE rolname LIKE 'bad%'")[0][0], "bad\xff");
}

TEST(PostgresServer, ObeysRevocationLists) {
  const TestCa ca;
  const Certificate revoked = ca.Issue({.common_name = "gone"});
  const PostgresServer server(
      {.tls = ServerTls{.server = ca.IssueForLocalhost(), .client_ca = ca.certificate(), .crl = ca.Crl({revoked})}});
  const RawTls tls{.version = TLS1_2_VERSION, .certificate = revoked.certificate, .key = revoked.key};
  EXPECT_THROW(RawClient({.port = server.port(), .tls = true, .tls_options = tls}), std::runtime_error);
  const Certificate good = ca.Issue({.common_name = "good"});
  const RawClient client(
      {.port = server.port(), .tls = true, .tls_options = {.certificate = good.certificate, .key = good.key}});
  EXPECT_EQ(client.state(), State::kReady);
}

}  // namespace
}  // namespace pgtls::support
