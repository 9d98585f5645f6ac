// In which order the collections of many servers run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>

#include "exporter/sampling/admission.h"
#include "tests/exporter/sampling/fakes.h"
#include "tests/support/postgres_server.h"

namespace pgtls::sampling {
namespace {

using std::chrono::milliseconds;
using testing::g_fakes;
using testing::kEndpoint;
using testing::kHba;
using testing::kLinks;
using testing::kSessions;
using testing::kSettings;

class FleetOrderPgTest : public testing::SamplingTest {
 protected:
  FleetOrderPgTest()
      : SamplingTest({&testing::kSettingsType, &testing::kHbaType, &testing::kEndpointType, &testing::kSessionsType,
                      &testing::kLinksType}) {
    runtime_.admission = &admission_;
    for (const auto& [name, text] : std::map<testing::Name, std::string>{{kSessions, "sessions"},
                                                                         {kLinks, "links"},
                                                                         {kSettings, "settings"},
                                                                         {kHba, "hba"},
                                                                         {kEndpoint, "endpoint"}}) {
      g_fakes[name].collect = [this, text](Context& context, Output& /*output*/) -> asio::awaitable<void> {
        ran_.emplace_back(text, context.server.name);
        if (on_run_) on_run_(text);
        co_return;
      };
    }
  }
  void TearDown() override {
    for (const auto& server : servers_) server->Stop();
    testing::SamplingTest::TearDown();
  }
  // The collectors of the runs from `first` to before `last`.
  std::multiset<std::string> Collectors(std::size_t first, std::size_t last) const {
    std::multiset<std::string> names;
    for (std::size_t i = first; i < last; ++i) names.insert(ran_.at(i).first);
    return names;
  }

  support::PostgresServer postgres_;
  Admission admission_{loop_, {.least = 1, .initial = 1, .most = 1}};
  std::vector<std::shared_ptr<Server>> servers_;
  std::vector<std::pair<std::string, std::string>> ran_;  // collector, server
  std::function<void(const std::string& collector)> on_run_;
};

TEST_F(FleetOrderPgTest, SessionsOfAllServersThenTheRestThenTheWire) {
  constexpr std::size_t kServers = 6;
  for (std::size_t i = 0; i < kServers; ++i) {
    auto config = Config("db" + std::to_string(i), postgres_.Conninfo());
    servers_.push_back(std::make_shared<Server>(std::make_shared<const config::ServerConfig>(config), runtime_));
    servers_.back()->Start();
  }
  ASSERT_TRUE(RunUntil([&] { return ran_.size() == 5 * kServers; }));
  EXPECT_EQ(Collectors(0, kServers).count("sessions"), kServers);
  EXPECT_EQ(Collectors(kServers, 2 * kServers).count("links"), kServers);
  EXPECT_EQ(Collectors(2 * kServers, 4 * kServers).count("settings"), kServers);
  EXPECT_EQ(Collectors(2 * kServers, 4 * kServers).count("hba"), kServers);
  EXPECT_EQ(Collectors(4 * kServers, 5 * kServers).count("endpoint"), kServers);
}

// While settings waits for its permit, the sessions of the same server become due again.
TEST_F(FleetOrderPgTest, SessionsDoNotWaitBehindTheSettingsOfTheirOwnServer) {
  std::optional<Admission::Permit> other;
  on_run_ = [&](const std::string& collector) {
    // Waits, and is the next.
    if (collector == "sessions" && !other) {
      other.emplace(&admission_, "other", Work{Urgency::kFirstSessions, {}, milliseconds(100), false});
    }
  };
  auto config = Config("db", postgres_.Conninfo());
  config.collectors["sessions"].interval = milliseconds(100);
  config.collectors["links"].enabled = false;
  Start(config);
  // Overdue by now.
  ASSERT_TRUE(RunUntil([&] { return ResultOf("sessions") && ResultOf("sessions")->failure; }));
  EXPECT_EQ(ran_.size(), 1U);
  other.reset();
  ASSERT_TRUE(RunUntil([&] { return ran_.size() >= 2; }));
  EXPECT_EQ(ran_.at(1).first, "sessions");
}

class LateAnswersPgTest : public testing::SamplingTest {
 protected:
  LateAnswersPgTest() : SamplingTest({&testing::kSessionsType}) { runtime_.admission = &admission_; }
  void TearDown() override {
    for (const auto& server : servers_) server->Stop();
    testing::SamplingTest::TearDown();
  }
  support::PostgresServer postgres_;
  Admission admission_{loop_};
  std::vector<std::shared_ptr<Server>> servers_;
};

// The server's own error, that a query took too long, is an answer; only a silent server says nothing about the load.
TEST_F(LateAnswersPgTest, QueriesThatServersCancelAreLateAnswers) {
  g_fakes[kSessions].collect = [](Context& context, Output& /*output*/) -> asio::awaitable<void> {
    co_await context.session->Query({"sleep", "SELECT pg_sleep(60)"}, {}, context.deadline);
  };
  for (int i = 0; i < 10; ++i) {
    auto config = Config("db" + std::to_string(i), postgres_.Conninfo());
    config.collectors["sessions"].interval = milliseconds(300);
    config.collectors["sessions"].timeout = milliseconds(1000);
    servers_.push_back(std::make_shared<Server>(std::make_shared<const config::ServerConfig>(config), runtime_));
    servers_.back()->Start();
  }
  ASSERT_TRUE(RunUntil([&] { return admission_.answers_are_late(); }));
  EXPECT_LT(admission_.figures().limit, Admission::kBounds.initial);
  for (const auto& server : servers_) EXPECT_EQ(server->Snapshot()->up, true);
}

}  // namespace
}  // namespace pgtls::sampling
