// Connections to real servers: every way in which they fail has its own reason.
#include "exporter/db/connector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "exporter/db/login_error.h"
#include "tests/exporter/db/loop.h"
#include "tests/support/postgres_server.h"
#include "tests/support/process.h"

namespace pgtls::db {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using support::PostgresServer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::RunOnLoop;

constexpr const char* kHba =
    "local all all trust\n"
    "host all secret,rotated 127.0.0.0/8 scram-sha-256\n"
    "hostssl all nobody 127.0.0.0/8 reject\n"
    "hostssl all certified 127.0.0.0/8 cert\n"
    "hostssl all all 127.0.0.0/8 trust\n";

class ConnectorPgTest : public ::testing::Test {
 protected:
  static support::PostgresOptions Options(const support::TestCa& ca) {
    return {.hba = kHba,
            .tls = support::ServerTls{.server = ca.Issue({.common_name = "db", .dns_names = {"localhost"}}),
                                      .client_ca = ca.certificate()},
            .listen_addresses = "*"};
  }
  std::unique_ptr<Connection> Connect(const std::string& more, const std::string& password_file = "",
                                      milliseconds timeout = seconds(30)) {
    ConnectOptions options{server_.Conninfo(more), password_file};
    return RunOnLoop(loop_, connector_.Connect(std::move(options), timeout));
  }
  void ExpectFailure(const std::string& more, LoginProblem problem, FailureReason reason, const std::string& sqlstate,
                     const std::string& text = "", const std::string& password_file = "") {
    try {
      Connect(more, password_file);
      ADD_FAILURE() << "connected: " << more;
    } catch (const LoginError& error) {
      EXPECT_EQ(Describe(error.problem()), Describe(problem)) << error.what();
      EXPECT_EQ(ToString(error.reason()), ToString(reason)) << error.what();
      EXPECT_EQ(error.sqlstate(), sqlstate) << error.what();
      EXPECT_THAT(error.what(), HasSubstr(text));
      EXPECT_THAT(error.what(), Not(HasSubstr("hunter2")));
      EXPECT_THAT(error.what(), Not(HasSubstr("LOCATION")));
    }
  }
  std::string Value(Connection& connection, const std::string& sql, Deadline deadline = After(seconds(30))) {
    const Statement statement{sql, sql};
    return std::string(RunOnLoop(loop_, connection.Query(statement, {}, deadline)).Text(0, 0).value_or("NULL"));
  }

  // One server for all: what stops it starts it again.
  static void SetUpTestSuite() { shared_ = std::make_unique<Shared>(); }
  static void TearDownTestSuite() { shared_.reset(); }
  struct Shared {
    support::TestCa ca;
    PostgresServer server{Options(ca)};
  };
  inline static std::unique_ptr<Shared> shared_;

  support::TestCa& ca_ = shared_->ca;
  PostgresServer& server_ = shared_->server;
  support::TempDir dir_;
  asio::io_context loop_;
  BlockingPool blocking_{4};
  Connector connector_{blocking_, 8};
};

TEST_F(ConnectorPgTest, ConnectsAndAsks) {
  const auto connection =
      Connect("sslmode=verify-full host=localhost sslrootcert=" + dir_.Write("ca.crt", ca_.certificate()));
  EXPECT_EQ(connection->server_version() / 10000, server_.major());
  EXPECT_EQ(Value(*connection, "SELECT pg_backend_pid()"), std::to_string(connection->backend_pid()));
  EXPECT_EQ(Value(*connection, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"), "t");
  EXPECT_EQ(Value(*connection, "SELECT current_setting('application_name')"), "pg_tls_exporter");
  EXPECT_EQ(Value(*connection, "SELECT NULL::text"), "NULL");
  EXPECT_EQ(connection->peer().host, "localhost");
  EXPECT_EQ(connection->peer().port, server_.port());
}

TEST_F(ConnectorPgTest, LogsInWithAClientCertificate) {
  server_.Execute("CREATE ROLE certified LOGIN");
  const auto with = [&](const std::string& common_name) {
    const support::Certificate client = ca_.Issue({.common_name = common_name});
    return "user=certified sslmode=require sslcert=" + dir_.Write(common_name + ".crt", client.chain) +
           " sslkey=" + dir_.Write(common_name + ".key", client.key);
  };
  const auto connection = Connect(with("certified"));
  EXPECT_EQ(Value(*connection, "SELECT session_user"), "certified");
  EXPECT_EQ(Value(*connection, "SELECT client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()"), "/CN=certified");
  ExpectFailure("user=certified sslmode=require", LoginProblem::kNotAdmitted, FailureReason::kAuthentication, "28000",
                "client certificate");
  ExpectFailure(with("another"), LoginProblem::kMethodRefused, FailureReason::kAuthentication, "28000",
                "certificate authentication failed");
}

TEST_F(ConnectorPgTest, EachFailureHasItsReason) {
  server_.Execute(
      "SET password_encryption = 'scram-sha-256'; CREATE ROLE secret LOGIN PASSWORD 'right'; "
      "CREATE ROLE nobody LOGIN; CREATE ROLE one LOGIN CONNECTION LIMIT 0; CREATE ROLE plain LOGIN");
  server_.Execute("CREATE DATABASE closed");
  server_.Execute("REVOKE CONNECT ON DATABASE closed FROM PUBLIC");
  server_.Execute("CREATE DATABASE shut ALLOW_CONNECTIONS false");
  server_.Execute("CREATE DATABASE small CONNECTION LIMIT 0");
  const std::string root = " sslrootcert=" + dir_.Write("ca.crt", ca_.certificate());
  const std::string other = " sslrootcert=" + dir_.Write("other.crt", support::TestCa("Other").certificate());
  ExpectFailure("user=secret password=hunter2", LoginProblem::kPasswordWrong, FailureReason::kAuthentication, "28P01",
                "authentication failed");
  ExpectFailure("user=secret", LoginProblem::kPasswordMissing, FailureReason::kAuthentication, "",
                "no password supplied");
  ExpectFailure("user=nobody", LoginProblem::kNotAdmitted, FailureReason::kAuthentication, "28000",
                "pg_hba.conf rejects");
  ExpectFailure("user=postgres sslmode=disable", LoginProblem::kNotAdmitted, FailureReason::kAuthentication, "28000",
                "no encryption");
  ExpectFailure("user=nonesuch", LoginProblem::kRoleMissing, FailureReason::kAuthentication, "28000", "does not exist");
  ExpectFailure("dbname=nonesuch", LoginProblem::kDatabaseMissing, FailureReason::kError, "3D000", "does not exist");
  ExpectFailure("user=plain dbname=closed", LoginProblem::kDatabaseDenied, FailureReason::kInsufficientPrivilege,
                "42501", "permission denied");
  ExpectFailure("user=plain dbname=shut", LoginProblem::kDatabaseClosed, FailureReason::kError, "55000");
  ExpectFailure("user=plain dbname=small", LoginProblem::kTooManyOfDatabase, FailureReason::kConnection, "53300");
  ExpectFailure("user=one", LoginProblem::kTooManyOfRole, FailureReason::kConnection, "53300", "too many connections");
  ExpectFailure("sslmode=verify-full" + root, LoginProblem::kHostMismatch, FailureReason::kTls, "",
                "does not match host name");
  ExpectFailure("sslmode=verify-ca" + other, LoginProblem::kNotVerified, FailureReason::kTls, "",
                "certificate verify failed");
  ExpectFailure("sslmode=verify-ca sslrootcert=/nonexistent", LoginProblem::kRootMissing, FailureReason::kTls, "",
                "does not exist");
  ExpectFailure("ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=TLSv1.3 sslmode=require user=nonesuch",
                LoginProblem::kRoleMissing, FailureReason::kAuthentication, "28000");
}

TEST_F(ConnectorPgTest, EachProblemWithTheClientsFilesIsKnown) {
  const support::Certificate good = ca_.Issue({.common_name = "certified"});
  const std::string cert = " sslcert=" + dir_.Write("c.crt", good.chain);
  const std::string key = dir_.Write("c.key", good.key);
  const auto with = [&](const std::string& files) { return "user=nonesuch sslmode=require" + files; };
  const auto expect = [&](const std::string& files, LoginProblem problem) {
    ExpectFailure(with(files), problem, FailureReason::kTls, "");
  };
  expect(cert + " sslkey=/nonexistent", LoginProblem::kClientKeyMissing);
  std::filesystem::permissions(key, std::filesystem::perms(0644));
  expect(cert + " sslkey=" + key, LoginProblem::kClientKeyMode);
  std::filesystem::permissions(key, std::filesystem::perms(0600));
  expect(cert + " sslkey=" + dir_.Write("bad.key", "nonsense"), LoginProblem::kClientKeyUnusable);
  expect(cert + " sslkey=" + dir_.Write("other.key", ca_.Issue({.common_name = "x"}).key),
         LoginProblem::kClientKeyMismatch);
  expect(" sslcert=" + dir_.Write("bad.crt", "nonsense") + " sslkey=" + key, LoginProblem::kClientCertificateUnusable);
  expect(" sslrootcert=" + dir_.Write("bad-ca.crt", "nonsense"), LoginProblem::kRootUnusable);
  const std::string locked = dir_.Write("locked.key", good.key);
  const auto openssl =
      support::RunProcess({"openssl", "pkey", "-aes256", "-passout", "pass:right", "-in", key, "-out", locked});
  ASSERT_EQ(openssl.exit_code, 0) << openssl.err;
  expect(cert + " sslpassword=wrong sslkey=" + locked, LoginProblem::kClientKeyPassphrase);
}

TEST_F(ConnectorPgTest, TheServersRefusalOfACertificateIsKnown) {
  const auto expect = [&](const support::Certificate& client, const std::string& name, LoginProblem problem) {
    ExpectFailure("user=certified sslmode=require sslcert=" + dir_.Write(name + ".crt", client.chain) +
                      " sslkey=" + dir_.Write(name + ".key", client.key),
                  problem, FailureReason::kTls, "");
  };
  expect(support::TestCa("Other").Issue({.common_name = "certified"}), "unknown", LoginProblem::kClientCaUnknown);
  expect(
      ca_.Issue({.common_name = "certified", .not_before = -std::chrono::days(30), .not_after = -std::chrono::days(1)}),
      "expired", LoginProblem::kClientCertificateExpired);
}

TEST_F(ConnectorPgTest, AServerWithoutTlsIsKnown) {
  PostgresServer plain;
  try {
    RunOnLoop(loop_, connector_.Connect({plain.Conninfo("sslmode=require"), ""}, seconds(30)));
    ADD_FAILURE() << "connected";
  } catch (const LoginError& error) {
    EXPECT_EQ(error.problem(), LoginProblem::kServerWithoutTls) << error.what();
    EXPECT_EQ(error.reason(), FailureReason::kTls);
  }
}

TEST_F(ConnectorPgTest, ARuleThatNeedsWhatTheServerLacksIsKnown) {
  PostgresServer server({.hba = "local all postgres trust\nhostssl all all 127.0.0.0/8 trust clientcert=verify-ca\n",
                         .tls = support::ServerTls{.server = ca_.IssueForLocalhost()}});
  try {
    RunOnLoop(loop_, connector_.Connect({server.Conninfo("sslmode=require"), ""}, seconds(30)));
    ADD_FAILURE() << "connected";
  } catch (const LoginError& error) {
    EXPECT_EQ(Describe(error.problem()), Describe(LoginProblem::kServerWithoutRoot)) << error.what();
  }
}

TEST_F(ConnectorPgTest, WhatIsThereInsteadOfAServerIsKnown) {
  const auto problem = [&](const std::string& conninfo) {
    try {
      RunOnLoop(loop_, connector_.Connect({conninfo, ""}, seconds(30)));
    } catch (const LoginError& error) {
      return Describe(error.problem());
    }
    return std::string_view("connected");
  };
  EXPECT_EQ(problem("host=127.0.0.1 port=1"), Describe(LoginProblem::kRefused));
  EXPECT_EQ(problem("host=no-such-host.invalid"), Describe(LoginProblem::kNameNotResolved));
  EXPECT_EQ(problem("host=/nonexistent"), Describe(LoginProblem::kSocketMissing));
  EXPECT_EQ(problem(server_.Conninfo("options='-c no.such.thing=1 -c nosuch=1'")), Describe(LoginProblem::kParameter));
  EXPECT_EQ(problem(server_.Conninfo("target_session_attrs=standby user=postgres")),
            Describe(LoginProblem::kTargetSession));
  EXPECT_EQ(problem(server_.Conninfo("ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=TLSv1.2")),
            Describe(LoginProblem::kTlsVersion));
}

TEST_F(ConnectorPgTest, ARotatedPasswordIsPickedUp) {
  server_.Execute("CREATE ROLE rotated LOGIN PASSWORD 'first'");
  const std::string file = dir_.Write("password", "first\n");
  EXPECT_TRUE(Connect("user=rotated", file)->usable());
  server_.Execute("ALTER ROLE rotated PASSWORD 'second'");
  ExpectFailure("user=rotated", LoginProblem::kPasswordWrong, FailureReason::kAuthentication, "28P01", "", file);
  dir_.Write("password", "second\r\n");
  EXPECT_TRUE(Connect("user=rotated password=hunter2", file)->usable());
}

TEST_F(ConnectorPgTest, AQueryThatTakesTooLongClosesTheConnection) {
  const auto connection = Connect("");
  const int pid = connection->backend_pid();
  EXPECT_THROW(Value(*connection, "SELECT pg_sleep(600)", After(milliseconds(200))), TimeoutError);
  EXPECT_FALSE(connection->usable());
  // Nobody reads its answer; the session itself is bounded by statement_timeout, which the exporter sets.
  server_.Execute("SELECT pg_terminate_backend(" + std::to_string(pid) + ")");
}

// The server sends what nobody reads yet, and reads nothing meanwhile.
TEST_F(ConnectorPgTest, LargeAnswersBesideLargeRequests) {
  const auto connection = Connect("");
  std::string much;
  much.resize(40'000'000, 'x');
  std::vector<Request> requests;
  requests.push_back({{"much", "SELECT repeat('x', 1000000) FROM generate_series(1, 40)"}, {}});
  requests.push_back({{"length", "SELECT length($1)"}, {much}});
  auto answers = RunOnLoop(loop_, connection->QueryAll(std::move(requests), After(seconds(60))));
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(Take(std::move(answers[0])).rows(), 40);
  EXPECT_EQ(Take(std::move(answers[1])).Text(0, 0), "40000000");
}

TEST_F(ConnectorPgTest, EachOfSeveralRequestsHasItsAnswer) {
  const auto connection = Connect("options='-c statement_timeout=50ms'");
  std::vector<Request> requests;
  for (const char* sql : {"SELECT 1", "SELECT 1/0", "SELECT * FROM nowhere", "SELECT pg_sleep(600)", "SELECT 2"}) {
    requests.push_back({{sql, sql}, {}});
  }
  std::vector<std::string> texts;
  for (const auto& answer : RunOnLoop(loop_, connection->QueryAll(std::move(requests), After(seconds(30))))) {
    texts.emplace_back(answer ? answer->Text(0, 0).value() : answer.error().sqlstate());
  }
  EXPECT_THAT(texts, ElementsAre("1", "22012", "42P01", "57014", "2"));
  EXPECT_TRUE(connection->usable());
}

TEST_F(ConnectorPgTest, AStatementTimeoutLeavesTheConnection) {
  const auto connection = Connect("options='-c statement_timeout=50ms'");
  try {
    Value(*connection, "SELECT pg_sleep(600)");
    ADD_FAILURE() << "no error";
  } catch (const DbError& error) {
    EXPECT_EQ(error.sqlstate(), "57014");
    EXPECT_EQ(error.reason(), FailureReason::kTimeout);
  }
  EXPECT_EQ(Value(*connection, "SELECT 1"), "1");
}

TEST_F(ConnectorPgTest, AKilledBackendIsALostConnection) {
  const auto connection = Connect("");
  EXPECT_EQ(Value(*connection, "SELECT 1"), "1");
  server_.Execute("SELECT pg_terminate_backend(" + std::to_string(connection->backend_pid()) + ")");
  try {
    Value(*connection, "SELECT 2");
    ADD_FAILURE() << "no error";
  } catch (const DbError& error) {
    EXPECT_EQ(error.reason(), FailureReason::kConnection) << error.what();
  }
  EXPECT_FALSE(connection->usable());
}

TEST_F(ConnectorPgTest, AServerKilledInMidQueryIsALostConnectionAtOnce) {
  const auto connection = Connect("");
  const Statement statement{"sleep", "SELECT pg_sleep(600)"};
  auto query = asio::co_spawn(
      loop_,
      [](Connection& on, const Statement& what) -> asio::awaitable<void> {
        co_await on.Query(what, {}, Deadline::max());
      }(*connection, statement),
      asio::use_future);
  const auto running = [&] {
    loop_.restart();
    loop_.poll();
    return server_.Query("SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep%'")
               .size() == 1;
  };
  ASSERT_TRUE(support::WaitUntil(running));
  server_.Kill();
  try {
    testing::Await(loop_, std::move(query));
    ADD_FAILURE() << "no error";
  } catch (const DbError& error) {
    EXPECT_EQ(error.reason(), FailureReason::kConnection) << error.what();
  }
  ExpectFailure("", LoginProblem::kRefused, FailureReason::kConnection, "", "Connection refused");
  server_.Start();
}

TEST_F(ConnectorPgTest, APausedServerIsATimeout) {
  server_.Pause();
  EXPECT_THROW(Connect("", "", milliseconds(300)), TimeoutError);
  server_.Resume();
  EXPECT_TRUE(Connect("")->usable());
}

TEST_F(ConnectorPgTest, AServerThatStartsOrEndsIsAConnectionError) {
  server_.Stop();
  ExpectFailure("", LoginProblem::kRefused, FailureReason::kConnection, "", "Connection refused");
  server_.Start();
  EXPECT_TRUE(Connect("")->usable());
}

TEST_F(ConnectorPgTest, ManyConnectsBesideEachOther) {
  std::vector<std::future<std::unique_ptr<Connection>>> connects;
  for (int i = 0; i < 40; ++i) {
    ConnectOptions options{server_.Conninfo("sslmode=require"), ""};
    connects.push_back(asio::co_spawn(loop_, connector_.Connect(std::move(options), seconds(30)), asio::use_future));
  }
  std::vector<std::unique_ptr<Connection>> open;
  std::set<int> pids;
  for (auto& connect : connects) {
    open.push_back(testing::Await(loop_, std::move(connect)));
    pids.insert(open.back()->backend_pid());
  }
  EXPECT_EQ(pids.size(), 40u);
  // Their trust store is gone after the handshake; they still speak TLS.
  for (const auto& connection : open) EXPECT_EQ(Value(*connection, "SELECT 1"), "1");
}

TEST_F(ConnectorPgTest, TheSecondHostWhereTheFirstIsNoPrimary) {
  const std::string ports = std::to_string(support::FreePort()) + "," + std::to_string(server_.port());
  const auto connection = Connect("host=127.0.0.1,127.0.0.2 port=" + ports + " target_session_attrs=read-write");
  EXPECT_EQ(connection->peer().address, IpAddress::Parse("127.0.0.2"));
  EXPECT_EQ(connection->peer().host, "127.0.0.2");
}

}  // namespace
}  // namespace pgtls::db
