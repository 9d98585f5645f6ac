// Servers with real connections: what is a failure, what is none, and what stays.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/base/error.h"
#include "exporter/sampling/once.h"
#include "tests/exporter/sampling/fakes.h"
#include "tests/support/postgres_server.h"

namespace pgtls::sampling {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using support::PostgresServer;
using testing::g_fakes;
using ::testing::HasSubstr;
using testing::kEndpoint;
using testing::kHba;
using testing::kSessions;
using ::testing::Not;

// Both SQL collectors ask for their backend's pid, and tell the number of runs as their instance counts them.
class SamplingPgTest : public testing::SamplingTest {
 protected:
  SamplingPgTest() : SamplingTest({&testing::kSessionsType, &testing::kHbaType, &testing::kEndpointType}) {
    g_fakes[kSessions].collect = Asking(session_pid_);
    g_fakes[kHba].collect = Asking(fresh_pid_);
  }
  static support::PostgresOptions Options(const support::TestCa& ca) {
    return {.tls = support::ServerTls{.server = ca.IssueForLocalhost()}};
  }
  std::function<asio::awaitable<void>(Context&, Output&)> Asking(std::string& pid) {
    return [this, &pid](Context& context, Output& /*output*/) -> asio::awaitable<void> {
      const db::Statement statement{"pid", "SELECT pg_backend_pid()"};
      const db::Result row = co_await context.session->Query(statement, {}, context.deadline);
      pid = row.Text(0, 0).value();
      own_ = context.own_backends.pids();
    };
  }
  // Asks all the time; only what a test sets ends it.
  config::ServerConfig Often(const std::string& more = "") {
    auto config = Config("db", postgres_.Conninfo("sslmode=require " + more));
    for (const char* name : {"sessions", "hba"}) config.collectors[name].interval = milliseconds(20);
    return config;
  }
  bool AllRan() {
    return RunUntil([&] { return ResultOf("sessions") && ResultOf("hba") && ResultOf("endpoint"); });
  }
  int Runs(testing::Name name) { return g_fakes[name].runs; }

  // One server for all: what stops it starts it again.
  static void SetUpTestSuite() { shared_ = std::make_unique<Shared>(); }
  static void TearDownTestSuite() { shared_.reset(); }
  struct Shared {
    support::TestCa ca;
    PostgresServer server{Options(ca)};
  };
  inline static std::unique_ptr<Shared> shared_;

  PostgresServer& postgres_ = shared_->server;
  std::string session_pid_;
  std::string fresh_pid_;
  std::vector<int> own_;
};

TEST_F(SamplingPgTest, IsUpAndSaysHow) {
  g_fakes[kEndpoint].collect = [&](Context& context, Output& /*output*/) -> asio::awaitable<void> {
    EXPECT_TRUE(context.peer) << "the wire goes where SQL is";
    EXPECT_EQ(context.peer->port, postgres_.port());
    co_return;
  };
  Start(Often());
  ASSERT_TRUE(AllRan());
  EXPECT_THAT(Health(), HasSubstr("pg_tls_up{server=\"db\"} 1\n"));
  EXPECT_THAT(Health(),
              HasSubstr("pg_tls_exporter_connection_info{server=\"db\",sslmode=\"require\",encryption=\"tls\","
                        "version=\"TLSv1.3\",cipher=\"TLS_AES_256_GCM_SHA384\"} 1\n"));
  for (const char* name : {"sessions", "hba", "endpoint"}) EXPECT_FALSE(ResultOf(name)->failure) << name;
  EXPECT_THAT(own_, ::testing::Contains(std::stoi(session_pid_)));
}

TEST_F(SamplingPgTest, ARestartBetweenCollectionsIsNoFailure) {
  bool failed = false;
  Start(Often());
  ASSERT_TRUE(AllRan());
  const std::string before = session_pid_;
  postgres_.Restart();
  const int runs = Runs(kSessions);
  ASSERT_TRUE(RunUntil([&] {
    failed = failed || server_->Snapshot()->up == false || ResultOf("sessions")->failure || ResultOf("hba")->failure;
    return Runs(kSessions) >= runs + 3 && session_pid_ != before;
  }));
  EXPECT_FALSE(failed);
  EXPECT_EQ(g_fakes[kSessions].instances, 1);
}

TEST_F(SamplingPgTest, AKilledBackendIsReplacedAndNoFailure) {
  Start(Often());
  ASSERT_TRUE(AllRan());
  const std::string before = session_pid_;
  bool failed = false;
  postgres_.Execute("SELECT pg_terminate_backend(" + before + ")");
  ASSERT_TRUE(RunUntil([&] {
    failed = failed || server_->Snapshot()->up == false || ResultOf("sessions")->failure;
    return session_pid_ != before;
  }));
  EXPECT_FALSE(failed);
}

TEST_F(SamplingPgTest, ADeadServerTakesTheSeriesAndComesBack) {
  Start(Often());
  ASSERT_TRUE(AllRan());
  postgres_.Kill();
  ASSERT_TRUE(RunUntil([&] { return server_->Snapshot()->up == false; }));
  EXPECT_EQ(TextOf("sessions"), "");
  EXPECT_EQ(TextOf("hba"), "");
  EXPECT_NE(TextOf("endpoint"), "");
  EXPECT_FALSE(server_->Snapshot()->connection);
  EXPECT_EQ(ResultOf("sessions")->failure->reason, FailureReason::kConnection);
  postgres_.Start();
  const int runs = Runs(kSessions);
  ASSERT_TRUE(RunUntil([&] { return !TextOf("sessions").empty() && !TextOf("hba").empty(); }));
  EXPECT_GT(Runs(kSessions), runs);
  const ServerSnapshot snapshot = *server_->Snapshot();
  EXPECT_EQ(snapshot.up, true);
  EXPECT_FALSE(snapshot.connection_failure) << "it is up again: nothing tells of a failure";
  EXPECT_EQ(g_fakes[kSessions].instances, 1);
}

TEST_F(SamplingPgTest, InsufficientPrivilegeIsTheCollectorsAndNotTheServers) {
  g_fakes[kSessions].collect = [](Context& context, Output& /*output*/) -> asio::awaitable<void> {
    const db::Statement statement{"denied", "SELECT rolpassword FROM pg_authid"};
    co_await context.session->Query(statement, {}, context.deadline);
  };
  postgres_.Execute("CREATE ROLE app LOGIN");
  Start(Often("user=app"));
  ASSERT_TRUE(AllRan());
  EXPECT_EQ(server_->Snapshot()->up, true);
  EXPECT_EQ(ResultOf("sessions")->failure->reason, FailureReason::kInsufficientPrivilege);
  EXPECT_FALSE(ResultOf("hba")->failure);
  EXPECT_TRUE(server_->Snapshot()->connection);
}

// A slow collector costs the session, not the others' results.
TEST_F(SamplingPgTest, ACollectorThatTimesOutHidesNoOther) {
  const auto sleeps = [](Context& context, Output& /*output*/) -> asio::awaitable<void> {
    const db::Statement statement{"sleep", "SELECT pg_sleep(600)"};
    co_await context.session->Query(statement, {}, context.deadline);
  };
  for (const auto& [slow, slow_name, other_name] :
       {std::tuple(kHba, "hba", "sessions"), std::tuple(kSessions, "sessions", "hba")}) {
    g_fakes[kSessions].collect = Asking(session_pid_);
    g_fakes[kHba].collect = Asking(fresh_pid_);
    g_fakes[slow].collect = sleeps;
    auto config = Often();
    config.collectors[slow_name].timeout = seconds(2);
    Start(config);
    const int runs = Runs(slow);
    bool hidden = false;
    ASSERT_TRUE(RunUntil([&] {
      const auto other = ResultOf(other_name);
      hidden = hidden || server_->Snapshot()->up == false || (other && other->failure);
      return Runs(slow) >= runs + 3 && other;
    })) << slow_name;
    EXPECT_FALSE(hidden) << other_name;
    EXPECT_EQ(ResultOf(slow_name)->failure->reason, FailureReason::kTimeout);
    server_->Stop();
    Drain();
  }
}

TEST_F(SamplingPgTest, APausedServerIsDownByTimeout) {
  auto config = Often();
  for (auto& [name, settings] : config.collectors) settings.timeout = milliseconds(300);
  Start(config);
  ASSERT_TRUE(AllRan());
  postgres_.Pause();
  EXPECT_TRUE(RunUntil([&] { return server_->Snapshot()->up == false; }));
  EXPECT_EQ(ResultOf("sessions")->failure->reason, FailureReason::kTimeout);
  EXPECT_EQ(TextOf("sessions"), "");
  postgres_.Resume();
  EXPECT_TRUE(RunUntil([&] { return server_->Snapshot()->up == true && !TextOf("sessions").empty(); }));
}

TEST_F(SamplingPgTest, AReloadOfTheServerMakesTheFreshConnectionAnew) {
  auto config = Often();
  config.collectors["sessions"].interval = hours(1);
  Start(config);
  ASSERT_TRUE(AllRan());
  const std::string before = fresh_pid_;
  postgres_.Reload();
  ASSERT_TRUE(RunUntil([&] { return fresh_pid_ != before; }));
  EXPECT_FALSE(ResultOf("hba")->failure);
  EXPECT_EQ(server_->Snapshot()->up, true);
}

class ReloadPgTest : public SamplingPgTest {
 protected:
  ReloadPgTest() {
    types_ = {&testing::kSettingsType, &testing::kHbaType};
    runtime_.collectors = types_;
    g_fakes[testing::kSettings].collect = Asking(session_pid_);
  }

  // Ends with the exception by which the session tells. Its backend hears of the reload after the server's log does.
  asio::awaitable<void> Reload(Context& context) {
    postgres_.Reload();
    const db::Statement statement{"pid", "SELECT pg_backend_pid()"};
    for (;;) co_await context.session->Query(statement, {}, context.deadline);
  }
};

// What was read before a reload is read again, on another connection, with what had ended by then: together they tell
// of one configuration.
TEST_F(ReloadPgTest, AReloadInMidCollectionIsCollectedAgain) {
  int runs = 0;
  g_fakes[kHba].collect = [&](Context& context, Output& /*output*/) -> asio::awaitable<void> {
    const db::Statement statement{"pid", "SELECT pg_backend_pid()"};
    const db::Result first = co_await context.session->Query(statement, {}, context.deadline);
    if (++runs == 1) co_await Reload(context);
    const db::Result second = co_await context.session->Query(statement, {}, context.deadline);
    fresh_pid_ = second.Text(0, 0).value();
    EXPECT_EQ(ResultOf("settings"), nullptr) << "known before it is sure";
  };
  Start(Config("db", postgres_.Conninfo("sslmode=require")));
  ASSERT_TRUE(RunUntil([&] { return ResultOf("hba") != nullptr; }));
  EXPECT_FALSE(ResultOf("hba")->failure);
  ASSERT_TRUE(ResultOf("settings"));
  EXPECT_FALSE(ResultOf("settings")->failure);
  EXPECT_EQ(Runs(testing::kSettings), 2);
  EXPECT_EQ(Runs(kHba), 2);
  EXPECT_EQ(session_pid_, fresh_pid_);
}

TEST_F(ReloadPgTest, ReloadsWithoutPauseAreAFailure) {
  g_fakes[kHba].collect = [&](Context& context, Output& /*output*/) { return Reload(context); };
  Start(Config("db", postgres_.Conninfo("sslmode=require")));
  ASSERT_TRUE(RunUntil([&] { return ResultOf("hba") != nullptr; }));
  ASSERT_TRUE(ResultOf("hba")->failure);
  EXPECT_EQ(ResultOf("hba")->failure->message, "the server reloads its configuration continuously");
  EXPECT_EQ(Runs(kHba), 3);
}

// The wire lane with the session lane's connection where there is one.
class IfConnectedPgTest : public SamplingPgTest {
 protected:
  IfConnectedPgTest() {
    types_ = {&testing::kSessionsType, &kCertificatesIfConnected};
    runtime_.collectors = types_;
    g_fakes[testing::kCertificates].collect = [this](Context& context, Output& /*output*/) -> asio::awaitable<void> {
      with_sql_ = false;
      if (context.session == nullptr) co_return;
      if (end_session_) {
        // Another collector's timeout, or a restart, takes the session away.
        end_session_ = false;
        postgres_.Execute("SELECT pg_terminate_backend(" + std::to_string(context.session->backend_pid()) + ")");
      }
      const db::Statement statement{"pid", "SELECT pg_backend_pid()"};
      try {
        co_await context.session->Query(statement, {}, context.deadline);
      } catch (const DbError&) {
        co_return;  // what needs no SQL is there all the same
      }
      with_sql_ = true;
    };
  }
  // Nothing is due again within the test, but for what this is about.
  config::ServerConfig Rarely() {
    auto config = Config("db", postgres_.Conninfo("sslmode=require"));
    config.collectors["sessions"].interval = seconds(1);
    return config;
  }
  static constexpr CollectorType kCertificatesIfConnected = {
      "certificates", "", ConnectionKind::kIfConnected, testing::kRunsOnly, testing::MakeFake<testing::kCertificates>};

  bool with_sql_ = false;
  bool end_session_ = false;
};

TEST_F(IfConnectedPgTest, RunsAgainWhenSqlHasCome) {
  postgres_.Stop();
  Start(Rarely());
  ASSERT_TRUE(RunUntil([&] { return ResultOf("certificates") != nullptr; }));
  EXPECT_FALSE(with_sql_);
  postgres_.Start();
  EXPECT_TRUE(RunUntil([&] { return with_sql_; }));
  EXPECT_EQ(Runs(testing::kCertificates), 2);
}

TEST_F(IfConnectedPgTest, RunsAgainWhenItsSessionWasTakenAway) {
  end_session_ = true;
  Start(Rarely());
  EXPECT_TRUE(RunUntil([&] { return with_sql_ && Runs(testing::kCertificates) >= 2; }));
}

TEST_F(SamplingPgTest, AnotherConninfoConnectsAnewAndDropsResults) {
  Start(Often());
  ASSERT_TRUE(AllRan());
  const std::string before = session_pid_;
  Reconfigure(Often("application_name=other"));
  EXPECT_EQ(ResultOf("sessions"), nullptr);
  EXPECT_FALSE(server_->Snapshot()->connection);
  ASSERT_TRUE(AllRan());
  EXPECT_NE(session_pid_, before);
  EXPECT_EQ(server_->Snapshot()->up, true);
  // The old session is closed.
  EXPECT_TRUE(support::WaitUntil([&] {
    Drain();
    return postgres_.Query("SELECT 1 FROM pg_stat_activity WHERE pid = " + before).empty();
  }));
}

// What was seen on the wire is of the host before.
TEST_F(SamplingPgTest, AnotherHostOfSeveralIsLookedAtAnew) {
  PostgresServer first(Options(shared_->ca));
  std::vector<int> ports;
  g_fakes[kEndpoint].collect = [&](Context& context, Output& output) -> asio::awaitable<void> {
    ports.push_back(context.peer ? context.peer->port : 0);
    output.facts.Publish(std::make_shared<const int>(ports.back()));
    co_return;
  };
  auto config = Often();
  config.conninfo = "host=127.0.0.1,127.0.0.1 port=" + std::to_string(first.port()) + "," +
                    std::to_string(postgres_.port()) + " user=postgres dbname=postgres sslmode=require";
  Start(config);
  ASSERT_TRUE(AllRan());
  ASSERT_EQ(ports, std::vector{first.port()});
  first.Kill();
  ASSERT_TRUE(RunUntil([&] {
    const auto seen = server_->Snapshot()->facts().Get<int>();
    return seen && *seen == postgres_.port();
  }));
  EXPECT_EQ(ports, (std::vector{first.port(), postgres_.port()}));
}

TEST_F(SamplingPgTest, OtherSettingsKeepTheConnection) {
  Start(Often());
  ASSERT_TRUE(AllRan());
  const std::string before = session_pid_;
  auto config = Often();
  config.collectors["sessions"].options = config::CollectorOptions(3);
  config.policy.allow_unencrypted.push_back({.name = "e", .user = "u"});
  const int runs = Runs(kSessions);
  Reconfigure(config);
  EXPECT_NE(ResultOf("sessions"), nullptr);
  ASSERT_TRUE(RunUntil([&] { return Runs(kSessions) >= runs + 3; }));
  EXPECT_EQ(session_pid_, before);
}

TEST_F(SamplingPgTest, AnotherPolicyIsAppliedAtOnce) {
  Start(Config("db", postgres_.Conninfo("sslmode=require")));
  ASSERT_TRUE(AllRan());
  auto config = Config("db", postgres_.Conninfo("sslmode=require"));
  config.policy.allow_unencrypted.push_back({.name = "e", .user = "u"});
  std::size_t exemptions = 0;
  g_fakes[kSessions].collect = [&](Context& context, Output& /*output*/) -> asio::awaitable<void> {
    exemptions = context.server.policy.allow_unencrypted.size();
    co_return;
  };
  Reconfigure(config);
  EXPECT_TRUE(RunUntil([&] { return exemptions == 1; }));
  EXPECT_EQ(Runs(kEndpoint), 1) << "it judges no session";
}

// A statement that a pooler or a reset has taken away, a plan that fits its function no more: the next session has not
// lost it.
TEST_F(SamplingPgTest, AnErrorOfTheSessionIsTriedAgainOnAnother) {
  bool deallocate = false;
  g_fakes[kSessions].collect = [&](Context& context, Output& /*output*/) -> asio::awaitable<void> {
    if (std::exchange(deallocate, false)) {
      co_await context.session->Query({"deallocate", "DEALLOCATE pid"}, {}, context.deadline);
    }
    const db::Result row = co_await context.session->Query({"pid", "SELECT pg_backend_pid()"}, {}, context.deadline);
    session_pid_ = row.Text(0, 0).value();
  };
  Start(Often());
  ASSERT_TRUE(AllRan());
  const std::string before = session_pid_;
  deallocate = true;
  bool failed = false;
  ASSERT_TRUE(RunUntil([&] {
    failed = failed || server_->Snapshot()->up == false || ResultOf("sessions")->failure || ResultOf("hba")->failure;
    return session_pid_ != before;
  }));
  EXPECT_FALSE(failed);
}

// An error that every session has is the collector's own.
TEST_F(SamplingPgTest, AnErrorOfEverySessionIsTheCollectors) {
  g_fakes[kSessions].collect = [](Context& context, Output& /*output*/) -> asio::awaitable<void> {
    const db::Statement statement{"unsupported", "SELECT count(*) FROM pg_class FOR UPDATE"};
    co_await context.session->Query(statement, {}, context.deadline);
  };
  Start(Often());
  ASSERT_TRUE(AllRan());
  EXPECT_EQ(server_->Snapshot()->up, true);
  EXPECT_EQ(ResultOf("sessions")->failure->reason, FailureReason::kError);
  EXPECT_FALSE(ResultOf("hba")->failure);
}

TEST_F(SamplingPgTest, TheSessionIsSetUpAndBounded) {
  const char* const settings[][2] = {{"jit", "off"},
                                     {"lock_timeout", "2s"},
                                     {"idle_session_timeout", "0"},
                                     {"search_path", "pg_catalog, pg_temp"},
                                     {"client_encoding", "SQL_ASCII"},
                                     {"client_connection_check_interval", "1s"}};
  const bool has_transaction_timeout = postgres_.major() >= 17;
  std::map<std::string, std::string> seen;
  milliseconds statement_timeout{0};
  g_fakes[kSessions].collect = [&](Context& context, Output& /*output*/) -> asio::awaitable<void> {
    for (const auto& [name, value] : settings) {
      const std::string sql = std::string("SHOW ") + name;
      const db::Statement statement{name, sql};
      const db::Result row = co_await context.session->Query(statement, {}, context.deadline);
      seen[name] = row.Text(0, 0).value();
    }
    const db::Statement timeout{"statement_timeout",
                                "SELECT setting FROM pg_settings WHERE name = 'statement_timeout'"};
    const db::Result row = co_await context.session->Query(timeout, {}, context.deadline);
    statement_timeout = milliseconds(row.Int(0, 0).value());
    if (!has_transaction_timeout) co_return;
    const db::Statement statement{"transaction_timeout", "SHOW transaction_timeout"};
    const db::Result other = co_await context.session->Query(statement, {}, context.deadline);
    seen["transaction_timeout"] = other.Text(0, 0).value();
  };
  auto config = Often(std::string("options='-c idle_session_timeout=1h") +
                      (has_transaction_timeout ? " -c transaction_timeout=1h'" : "'"));
  for (auto& [name, collector] : config.collectors) collector.timeout = seconds(7);
  Start(config);
  ASSERT_TRUE(AllRan());
  for (const auto& [name, value] : settings) EXPECT_EQ(seen[name], value) << name;
  if (has_transaction_timeout) EXPECT_EQ(seen["transaction_timeout"], "0");

  // The server answers before the client gives up.
  EXPECT_GE(statement_timeout, seconds(3));
  EXPECT_LT(statement_timeout, seconds(7));

  for (auto& [name, collector] : config.collectors) collector.timeout = seconds(100);
  Reconfigure(config);
  EXPECT_TRUE(RunUntil([&] { return statement_timeout >= seconds(50); }));
  EXPECT_LT(statement_timeout, seconds(100));
}

TEST_F(SamplingPgTest, CollectOnceOfManyServers) {
  config::Config config;
  for (int i = 0; i < 20; ++i) {
    config.servers.push_back(Often());
    config.servers.back().name = "db" + std::to_string(i);
  }
  config.servers.push_back(Config("dead", "host=127.0.0.1 port=" + std::to_string(support::FreePort())));
  const auto snapshots = CollectOnce(config, runtime_);
  ASSERT_EQ(snapshots.size(), 21u);
  for (const auto& snapshot : snapshots) {
    EXPECT_EQ(snapshot->up, snapshot->name != "dead") << snapshot->name;
    for (const auto& collector : snapshot->collectors) ASSERT_TRUE(collector.result);
  }
  EXPECT_EQ(Runs(kSessions), 20);
  EXPECT_EQ(Runs(kHba), 20);
  EXPECT_EQ(Runs(kEndpoint), 21);
}

}  // namespace
}  // namespace pgtls::sampling
