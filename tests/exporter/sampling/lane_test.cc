// A lane goes on whatever happens to it, and shows when it does not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "exporter/base/heartbeat.h"
#include "exporter/sampling/fleet.h"
#include "tests/exporter/sampling/fakes.h"

namespace pgtls::sampling {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::g_fakes;
using ::testing::HasSubstr;
using testing::kCertificates;
using testing::kEndpoint;
using testing::kSessions;
using ::testing::internal::CaptureStderr;
using ::testing::internal::GetCapturedStderr;

Deadline In(std::chrono::nanoseconds time) { return After(time); }

TEST(HeartbeatTest, IsOverdueOnlyWellAfterWhatWasExpected) {
  Heartbeat heartbeat;
  const Deadline now = Heartbeat::Clock::now();
  EXPECT_FALSE(heartbeat.IsOverdue(now + hours(1000))) << "nothing is expected yet";
  heartbeat.Expect(now);
  EXPECT_FALSE(heartbeat.IsOverdue(now + Heartbeat::kGrace));
  EXPECT_TRUE(heartbeat.IsOverdue(now + Heartbeat::kGrace + milliseconds(1)));
  heartbeat.Expect(now + hours(1));
  EXPECT_FALSE(heartbeat.IsOverdue(now + hours(1)));
  heartbeat.Expect(Deadline::max());
  EXPECT_FALSE(heartbeat.IsOverdue(now + hours(1000)));
}

class LaneTest : public testing::SamplingTest {};

TEST_F(LaneTest, WhatEndsATurnEndsNoLane) {
  // No exception of the standard library: nothing in a collection catches it.
  g_fakes[kEndpoint].collect = [](Context& /*context*/, Output& /*output*/) -> asio::awaitable<void> {
    if (g_fakes[kEndpoint].runs == 2) throw 42;
    co_return;
  };
  auto config = Config("db");
  config.collectors["endpoint"].interval = milliseconds(5);
  CaptureStderr();
  Start(config);
  EXPECT_TRUE(RunUntil([&] {
    const auto result = ResultOf("endpoint");
    return g_fakes[kEndpoint].runs == 2 && result && result->failure;
  })) << "what was known before must not stand";
  EXPECT_TRUE(RunUntil([&] {
    const auto result = ResultOf("endpoint");
    return g_fakes[kEndpoint].runs > 2 && result && !result->failure;
  }));
  EXPECT_THAT(GetCapturedStderr(),
              HasSubstr("msg=\"a lane failed; it is started again after a pause\" server=db lane=wire"));
}

TEST_F(LaneTest, IsNotStuckWhileItWaitsForItsNextRun) {
  Start(Config("db"));
  ASSERT_TRUE(RunUntil([&] { return ResultOf("endpoint") && ResultOf("certificates"); }));
  Drain();
  // Intervals are an hour, the second run comes in its second half, and nothing runs the loop meanwhile.
  EXPECT_FALSE(server_->IsStuck(In(std::chrono::minutes(29))));
  EXPECT_TRUE(server_->IsStuck(In(hours(1) + Heartbeat::kGrace + seconds(1))));
}

TEST_F(LaneTest, IsStuckInARunThatOutlivesItsTimeout) {
  g_fakes[kEndpoint].collect = [](Context& /*context*/, Output& /*output*/) -> asio::awaitable<void> {
    asio::steady_timer never(co_await asio::this_coro::executor, Deadline::max());
    co_await never.async_wait(asio::use_awaitable);
  };
  Start(Config("db"));
  ASSERT_TRUE(RunUntil([] { return g_fakes[kEndpoint].runs == 1; }));
  EXPECT_FALSE(server_->IsStuck(In(seconds(20))));
  EXPECT_TRUE(server_->IsStuck(In(seconds(21) + Heartbeat::kGrace)));
}

class QueueTest : public testing::SamplingTest {
 protected:
  QueueTest() : SamplingTest({&testing::kSessionsType}) {}
};

// The first connects of a large fleet wait for each other as long as it takes.
TEST_F(QueueTest, AConnectThatWaitsForItsPermitIsNotStuck) {
  db::Connector none(blocking_, 0);
  Runtime runtime{loop_, blocking_, none, types_, drivers_};
  const auto server = std::make_shared<Server>(std::make_shared<const config::ServerConfig>(Config("db")), runtime);
  server->Start();
  Drain();
  EXPECT_FALSE(server->IsStuck(In(hours(24))));
  server->Stop();
  Drain();
  EXPECT_EQ(g_fakes[kSessions].runs, 0);
}

class StoppedFleetTest : public testing::SamplingTest {};

TEST_F(StoppedFleetTest, NothingStartsAfterTheEnd) {
  Fleet fleet(runtime_);
  config::Config config;
  config.servers.push_back(Config("a"));
  fleet.Apply(Resolve(config));
  fleet.Stop();
  config.servers.push_back(Config("b"));
  fleet.Apply(Resolve(config));
  Drain();
  EXPECT_TRUE(loop_.stopped()) << "a lane was started";
  EXPECT_EQ(fleet.Snapshots().size(), 1u);
}

TEST_F(StoppedFleetTest, NamesTheServerThatIsStuck) {
  Fleet fleet(runtime_);
  config::Config config;
  config.servers.push_back(Config("a"));
  fleet.Apply(Resolve(config));
  Drain();
  EXPECT_EQ(fleet.Stuck(), std::nullopt);
  EXPECT_EQ(fleet.Stuck(In(hours(2))), "a");
  fleet.Stop();
  Drain();
}

}  // namespace
}  // namespace pgtls::sampling
