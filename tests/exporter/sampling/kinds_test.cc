// A second kind of server, which knows only simple queries and none of PostgreSQL's views: nothing but its driver and
// its collectors knows that.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/sampling/process_sessions.h"
#include "tests/exporter/db/fake_server.h"
#include "tests/exporter/sampling/fakes.h"

namespace pgtls::sampling {
namespace {

using namespace pgtls::db::testing;  // NOLINT(google-build-using-namespace): the peer and its messages
using std::string_literals::operator""s;
using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::g_fakes;
using ::testing::HasSubstr;
using testing::kHba;
using testing::kSessions;
using ::testing::Not;

class Run : public SessionRun {
 public:
  Run(db::Session& session, RunEnd end) : session_(session), end_(std::move(end)) {}
  db::Session& session() override { return session_; }
  RunEnd Finish() override { return end_; }

 private:
  db::Session& session_;
  RunEnd end_;
};

// What the test says of the runs on its sessions.
struct Script {
  RunEnd end;
  bool spent = false;
  int sessions = 0;
};

class RelaySession : public ServerSession {
 public:
  RelaySession(std::unique_ptr<db::Connection> connection, Script& script)
      : ServerSession(std::move(connection), {"prefer", "none", "", ""}), script_(script) {
    ++script_.sessions;
  }
  std::unique_ptr<SessionRun> StartRun(ConnectionKind /*kind*/) override {
    return std::make_unique<Run>(connection(), script_.end);
  }
  bool spent() const override { return script_.spent; }

 private:
  Script& script_;
};

class RelayDriver : public Driver {
 public:
  explicit RelayDriver(Script& script) : script_(script) {}
  std::string_view kind() const override { return "Relay"; }
  bool Recognizes(std::string_view server_version) const override { return server_version.ends_with("/relay"); }
  std::string Product(std::string_view server_version) const override {
    return "Relay " + std::string(server_version.substr(0, server_version.find('/')));
  }
  asio::awaitable<std::unique_ptr<ServerSession>> StartSession(std::unique_ptr<db::Connection> connection,
                                                               OwnBackends::Login /*own*/, std::string /*sslmode*/,
                                                               Deadline /*deadline*/) const override {
    connection->UseSimpleProtocol();
    co_return std::make_unique<RelaySession>(std::move(connection), script_);
  }

 private:
  Script& script_;
};

constexpr std::array<std::string_view, 1> kPostgresOnly = {"PostgreSQL"};
CollectorType ForPostgres(CollectorType type) {
  type.kinds = kPostgresOnly;
  return type;
}
const CollectorType kPostgresHba = ForPostgres(testing::kHbaType);

class KindsTest : public testing::SamplingTest {
 protected:
  KindsTest()
      : SamplingTest({&testing::kSessionsType, &testing::kSettingsType, &kPostgresHba, &testing::kEndpointType}),
        server_peer_(loop_, [this](Socket& socket) { return Talk(socket, "1.2/relay"); }) {
    drivers_ = {&relay_, &postgres::PostgresDriver()};
    runtime_.drivers = drivers_;
    g_fakes[kSessions].collect = [this](Context& context, Output& /*output*/) -> asio::awaitable<void> {
      const db::Statement statement{"greeting", "SHOW GREETING"};
      const db::Result rows = co_await context.session->Query(statement, {}, context.deadline);
      answer_ = rows.RequireText(0, 0);
    };
  }

  asio::awaitable<void> Talk(Socket& socket, std::string version) {
    co_await ReceiveStartup(socket);
    co_await Send(socket, Welcome(version));
    for (;;) {
      const std::string head = co_await Receive(socket, 5);
      const std::string body = co_await Receive(socket, Number(head.substr(1)) - 4);
      asked_.push_back(head.substr(0, 1) + body.substr(0, body.size() - 1));
      co_await Send(
          socket, Message('T', "\0\1c\0"s + Int32(0) + "\0\0"s + Int32(25) + "\xFF\xFF" + Int32(0xFFFFFFFF) + "\0\0"s) +
                      Message('D', "\0\1"s + Int32(5) + "hello") + Message('C', "SHOW\0"s) + Message('Z', "I"));
    }
  }

  Script script_;
  RelayDriver relay_{script_};
  std::vector<std::string> asked_;
  std::string answer_;
  FakeServer server_peer_;
};

TEST_F(KindsTest, ItsCollectorsRunOnItsSession) {
  Start(Config("db", server_peer_.Conninfo()));
  ASSERT_TRUE(RunUntil([&] { return ResultOf("sessions") && ResultOf("settings") && ResultOf("endpoint"); }));
  EXPECT_EQ(answer_, "hello");
  EXPECT_THAT(asked_, ElementsAre("QSHOW GREETING"));
  EXPECT_EQ(server_->Snapshot()->product, "Relay 1.2");
  EXPECT_THAT(Health(),
              AllOf(HasSubstr("pg_tls_up{server=\"db\"} 1\n"),
                    HasSubstr("pg_tls_exporter_connection_info{server=\"db\",sslmode=\"prefer\",encryption=\"none\","
                              "version=\"\",cipher=\"\"} 1\n"),
                    HasSubstr("pg_tls_collector_success{server=\"db\",collector=\"sessions\"} 1\n")));
}

TEST_F(KindsTest, WhatOnlyKnowsAnotherKindIsUnsupported) {
  Start(Config("db", server_peer_.Conninfo()));
  ASSERT_TRUE(RunUntil([&] { return ResultOf("hba") != nullptr; }));
  ASSERT_TRUE(ResultOf("hba")->unsupported);
  EXPECT_EQ(ResultOf("hba")->unsupported->where, "on Relay");
  EXPECT_THAT(ResultOf("hba")->unsupported->remedy, HasSubstr("collectors.hba.enabled: false"));
  EXPECT_EQ(g_fakes[kHba].runs, 0);
  EXPECT_THAT(Health(), Not(HasSubstr("collector=\"hba\"")));
}

TEST_F(KindsTest, WhatASessionCannotShowIsAMissingPart) {
  script_.end.hidden = IncompletePart{"greeting", "mute"};
  Start(Config("db", server_peer_.Conninfo()));
  ASSERT_TRUE(RunUntil([&] { return ResultOf("settings") != nullptr; }));
  ASSERT_EQ(ResultOf("settings")->incomplete.size(), 1u);
  EXPECT_EQ(ResultOf("settings")->incomplete[0].part, "greeting");
  EXPECT_EQ(TextOf("settings"), "") << "it has nothing to say";
}

TEST_F(KindsTest, ASpentSessionIsReplacedBeforeTheNextPass) {
  auto config = Config("db", server_peer_.Conninfo());
  config.collectors["sessions"].interval = std::chrono::milliseconds(5);
  Start(config);
  ASSERT_TRUE(RunUntil([&] { return asked_.size() >= 3; }));
  EXPECT_EQ(script_.sessions, 1);
  script_.spent = true;
  EXPECT_TRUE(RunUntil([&] { return script_.sessions == 2; }));
}

// Other processes of the server, as ServerConfig::processes names them.
class ProcessesTest : public KindsTest {
 protected:
  ProcessesTest() {
    g_fakes[kSessions].collect = [this](Context& context, Output& /*output*/) -> asio::awaitable<void> {
      reached_.clear();
      for (const std::string& process : context.server.processes) {
        std::string text;
        try {
          auto login = context.facts().Get<ProcessSessions>()->open(process, After(wait_));
          const auto session = co_await std::move(login);
          const db::Statement statement{"greeting", "SHOW GREETING"};
          text = (co_await session->connection().Query(statement, {}, context.deadline)).RequireText(0, 0);
        } catch (const Error& error) {
          text = error.what();
        }
        reached_.push_back(text);
      }
      ++collections_;
    };
  }
  static std::string Entry(const FakeServer& server) { return "port=" + std::to_string(server.port()); }
  config::ServerConfig ConfigWith(std::vector<std::string> processes) const {
    auto config = Config("db", server_peer_.Conninfo());
    config.collectors["sessions"].interval = std::chrono::milliseconds(5);
    config.processes = std::move(processes);
    return config;
  }
  bool RunOneMore() {
    return RunUntil([this, before = collections_] { return collections_ > before + 1; });
  }

  std::chrono::milliseconds wait_{20'000};
  std::vector<std::string> reached_;
  int collections_ = 0;
  FakeServer first_{loop_, [this](Socket& socket) { return Talk(socket, "1.2/relay"); }};
  FakeServer second_{loop_, [this](Socket& socket) { return Talk(socket, "1.2/relay"); }};
  FakeServer postgres_{loop_, [this](Socket& socket) { return Talk(socket, "15.3"); }};
};

TEST_F(ProcessesTest, EachHasOneSessionThatStays) {
  Start(ConfigWith({Entry(first_), Entry(second_)}));
  ASSERT_TRUE(RunOneMore());
  EXPECT_THAT(reached_, ElementsAre("hello", "hello"));
  EXPECT_EQ(first_.accepted(), 1);
  EXPECT_EQ(second_.accepted(), 1);
  EXPECT_EQ(server_peer_.accepted(), 1);
}

TEST_F(ProcessesTest, ASessionEndsWithItsEntry) {
  Start(ConfigWith({Entry(first_), Entry(second_)}));
  ASSERT_TRUE(RunOneMore());
  Reconfigure(ConfigWith({Entry(second_)}));
  ASSERT_TRUE(RunUntil([&] { return first_.open() == 0 && reached_.size() == 1; }));
  EXPECT_EQ(second_.accepted(), 1) << "the other one stays";
  EXPECT_EQ(server_peer_.accepted(), 1);
  // Another place, or password: all are new.
  auto elsewhere = ConfigWith({Entry(second_)});
  elsewhere.conninfo += " application_name=x";
  Reconfigure(elsewhere);
  ASSERT_TRUE(RunUntil([&] { return second_.accepted() == 2 && second_.open() == 1; }));
}

TEST_F(ProcessesTest, AChangeOfTheListIsAppliedAtOnce) {
  auto config = ConfigWith({});
  config.collectors["sessions"].interval = std::chrono::hours(1);
  Start(config);
  ASSERT_TRUE(RunUntil([&] { return collections_ == 1; }));
  config.processes = {Entry(first_)};
  Reconfigure(config);
  ASSERT_TRUE(RunUntil([&] { return collections_ == 2; }));
  EXPECT_THAT(reached_, ElementsAre("hello"));
}

TEST_F(ProcessesTest, AnotherKindOfServerIsNoProcess) {
  Start(ConfigWith({Entry(postgres_), Entry(first_)}));
  ASSERT_TRUE(RunOneMore());
  EXPECT_THAT(reached_, ElementsAre("what answers is no Relay", "hello"));
}

// A process that hangs does not end what is closed, and must not lose a connection at every collection.
TEST_F(ProcessesTest, WhatHangsIsNotAskedWithoutEnd) {
  wait_ = std::chrono::milliseconds(20);
  FakeServer hung(loop_, [this](Socket& socket) -> asio::awaitable<void> {
    co_await ReceiveStartup(socket);
    asio::steady_timer forever(loop_, Deadline::max());
    co_await forever.async_wait(asio::use_awaitable);
  });
  Start(ConfigWith({Entry(hung), Entry(first_)}));
  ASSERT_TRUE(RunUntil([&] { return !reached_.empty() && reached_[0].find("it has not ended") == 0; }));
  ASSERT_TRUE(RunOneMore());
  EXPECT_EQ(hung.accepted(), static_cast<int>(Server::kMostLeftBehind));
}

}  // namespace
}  // namespace pgtls::sampling
