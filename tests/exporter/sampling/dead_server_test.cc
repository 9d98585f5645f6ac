// A server where nothing listens: SQL fails, the wire goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/sampling/once.h"
#include "tests/exporter/sampling/fakes.h"
#include "tests/support/files.h"

namespace pgtls::sampling {
namespace {

using std::chrono::milliseconds;
using testing::g_fakes;
using ::testing::HasSubstr;
using testing::kEndpoint;
using testing::kHba;
using testing::kSessions;
using ::testing::Not;

class DeadServerTest : public testing::SamplingTest {
 protected:
  DeadServerTest()
      : SamplingTest({&testing::kSessionsType, &testing::kHbaType, &testing::kEndpointType}),
        dead_("host=127.0.0.1 port=" + std::to_string(support::FreePort())) {}
  std::string dead_;
};

TEST_F(DeadServerTest, IsDownAndTheWireGoesOn) {
  g_fakes[kEndpoint].collect = [](Context& context, Output& /*output*/) -> asio::awaitable<void> {
    EXPECT_FALSE(context.peer);
    co_return;
  };
  Start(Config("db", dead_));
  EXPECT_EQ(server_->Snapshot()->up, std::nullopt);
  EXPECT_EQ(Health().find("pg_tls_up"), std::string::npos) << "unknown is absent";
  ASSERT_TRUE(RunUntil([&] { return ResultOf("sessions") && ResultOf("hba") && ResultOf("endpoint"); }));
  const ServerSnapshot snapshot = *server_->Snapshot();
  EXPECT_EQ(snapshot.up, false);
  EXPECT_EQ(snapshot.connection_failure->reason, FailureReason::kConnection);
  EXPECT_THAT(snapshot.connection_failure->message, HasSubstr("Connection refused"));
  EXPECT_FALSE(snapshot.connection);
  EXPECT_EQ(g_fakes[kSessions].runs + g_fakes[kHba].runs, 0);
  EXPECT_NE(TextOf("endpoint"), "");
  EXPECT_FALSE(ResultOf("endpoint")->failed_with_connection);
  EXPECT_THAT(Health(), HasSubstr("pg_tls_up{server=\"db\"} 0\n"));
  for (const char* name : {"sessions", "hba"}) {
    EXPECT_EQ(TextOf(name), "");
    EXPECT_TRUE(ResultOf(name)->failed_with_connection);
    EXPECT_THAT(Health(), HasSubstr(std::string("pg_tls_collector_failure_info{server=\"db\",collector=\"") + name +
                                    "\",reason=\"connection\"} 1\n"));
  }
  EXPECT_THAT(Health(), HasSubstr("pg_tls_collector_success{server=\"db\",collector=\"endpoint\"} 1\n"));
  EXPECT_THAT(Health(), Not(HasSubstr("pg_tls_exporter_connection_info")));
}

TEST_F(DeadServerTest, IsTriedAgainWithinTheInterval) {
  auto config = Config("db", dead_);
  config.collectors["sessions"].interval = milliseconds(10);
  Start(config);
  ASSERT_TRUE(RunUntil([&] { return ResultOf("sessions") != nullptr; }));
  const auto first = ResultOf("sessions");
  ASSERT_TRUE(RunUntil([&] { return ResultOf("sessions") != first; }));
}

TEST_F(DeadServerTest, OnceTellsTheSame) {
  config::Config config;
  config.servers = {Config("dead", dead_), Config("bad-password-file", dead_)};
  config.servers[1].password_file = "/nonexistent/password";
  const auto snapshots = CollectOnce(config, runtime_);
  ASSERT_EQ(snapshots.size(), 2u);
  EXPECT_EQ(snapshots[0]->name, "dead");
  EXPECT_EQ(snapshots[0]->up, false);
  EXPECT_EQ(snapshots[1]->connection_failure->reason, FailureReason::kAuthentication);
  for (const auto& snapshot : snapshots) {
    for (const auto& collector : snapshot->collectors) ASSERT_TRUE(collector.result) << collector.name;
    EXPECT_FALSE(Find(*snapshot, "endpoint")->result->failure);
  }
  EXPECT_EQ(g_fakes[kEndpoint].runs, 2);
}

TEST_F(DeadServerTest, ANewPlaceIsTriedAtOnce) {
  Start(Config("db", dead_));
  ASSERT_TRUE(RunUntil([&] { return ResultOf("sessions") && ResultOf("endpoint"); }));
  Reconfigure(Config("db", dead_ + " connect_timeout=7"));
  EXPECT_EQ(server_->Snapshot()->up, std::nullopt) << "nothing is known about the new place";
  EXPECT_FALSE(server_->Snapshot()->connection_failure);
  EXPECT_EQ(ResultOf("sessions"), nullptr);
  ASSERT_TRUE(RunUntil([&] { return ResultOf("sessions") && ResultOf("endpoint"); }));
  EXPECT_EQ(g_fakes[kEndpoint].runs, 2);
}

// With nothing but silent servers in all places, one that was tried before says in time that it could not be tried
// again; one that never was waits, for nothing is known of it that could be taken for new.
TEST_F(DeadServerTest, NoTurnInTimeIsAFailureOfAServerThatWasTried) {
  db::Connector narrow(blocking_, 1);
  Runtime runtime{loop_, blocking_, narrow, types_, drivers_};
  auto config = Config("tried", dead_);
  for (const char* name : {"sessions", "hba"}) {
    config.collectors[name].interval = milliseconds(10);
    config.collectors[name].timeout = milliseconds(300);
  }
  server_ = std::make_shared<Server>(std::make_shared<const config::ServerConfig>(config), runtime);
  server_->Start();
  ASSERT_TRUE(RunUntil([&] { return ResultOf("sessions") != nullptr; }));

  const asio::ip::tcp::acceptor silent(loop_, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  const std::string silent_conninfo = "host=127.0.0.1 port=" + std::to_string(silent.local_endpoint().port());
  std::vector<std::unique_ptr<asio::cancellation_signal>> ends;
  for (int i = 0; i < 5; ++i) {  // the turn, and the four places of the silent
    ends.push_back(std::make_unique<asio::cancellation_signal>());
    asio::co_spawn(loop_, narrow.Connect({silent_conninfo, ""}, std::chrono::minutes(2)),
                   asio::bind_cancellation_slot(ends.back()->slot(), [](const std::exception_ptr&, auto) {}));
  }
  config.name = "new";
  auto fresh = std::make_shared<Server>(std::make_shared<const config::ServerConfig>(config), runtime);
  const auto says_so = [&] {
    const auto failure = server_->Snapshot()->connection_failure;
    return failure && failure->message == "connect: too many connects are in progress" &&
           failure->reason == FailureReason::kTimeout;
  };
  ASSERT_TRUE(RunUntil(says_so));
  EXPECT_EQ(ResultOf("sessions")->failure->reason, FailureReason::kTimeout);
  fresh->Start();
  for (int i = 0; i < 2; ++i) {
    const auto last = ResultOf("sessions");
    ASSERT_TRUE(RunUntil([&] { return ResultOf("sessions") != last; }));
  }
  EXPECT_EQ(Find(*fresh->Snapshot(), "sessions")->result, nullptr);
  EXPECT_EQ(fresh->Snapshot()->up, std::nullopt);

  for (const auto& end : ends) end->emit(asio::cancellation_type::terminal);
  EXPECT_TRUE(RunUntil([&] { return Find(*fresh->Snapshot(), "sessions")->result != nullptr; }));
  for (auto* server : {&fresh, &server_}) {
    (*server)->Stop();
    const std::weak_ptr<Server> weak = *server;
    server->reset();
    EXPECT_TRUE(RunUntil([&] { return weak.expired(); }));
  }
}

TEST_F(DeadServerTest, StopDuringAConnectEndsAtOnce) {
  const auto silent = std::make_unique<asio::ip::tcp::acceptor>(
      loop_, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));  // accepts in the kernel, never answers
  Start(Config("db", "host=127.0.0.1 port=" + std::to_string(silent->local_endpoint().port())));
  asio::ip::tcp::socket accepted(loop_);
  bool connected = false;
  silent->async_accept(accepted, [&](std::error_code) { connected = true; });
  ASSERT_TRUE(RunUntil([&] { return connected; }));
  server_->Stop();
  const std::weak_ptr<Server> weak = server_;
  server_.reset();
  ASSERT_TRUE(RunUntil([&] { return weak.expired(); }));
}

}  // namespace
}  // namespace pgtls::sampling
