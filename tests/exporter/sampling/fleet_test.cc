#include "exporter/sampling/fleet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "exporter/base/completion.h"
#include "exporter/base/error.h"
#include "exporter/sampling/once.h"
#include "tests/exporter/sampling/fakes.h"

namespace pgtls::sampling {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using testing::g_fakes;
using ::testing::HasSubstr;
using testing::kCertificates;
using testing::kEndpoint;

class FleetTest : public testing::SamplingTest {
 protected:
  static config::Config Servers(const std::vector<std::string>& names) {
    config::Config config;
    for (const auto& name : names) config.servers.push_back(Config(name));
    return config;
  }
  void Apply(config::Config config) { fleet_.Apply(Resolve(std::move(config))); }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& snapshot : fleet_.Snapshots()) names.push_back(snapshot->name);
    return names;
  }
  void TearDown() override {
    fleet_.Stop();
    Drain();
    EXPECT_TRUE(loop_.stopped()) << "something still waits after Stop()";
  }

  Fleet fleet_{runtime_};
};

TEST_F(FleetTest, StartsFromNothing) {
  EXPECT_TRUE(Names().empty());
  EXPECT_TRUE(fleet_.TriedOnce());
  Apply(Servers({"b", "a", "c"}));
  EXPECT_THAT(Names(), ElementsAre("b", "a", "c"));
  EXPECT_FALSE(fleet_.TriedOnce());
  ASSERT_TRUE(RunUntil([&] { return fleet_.TriedOnce(); }));
  EXPECT_EQ(g_fakes[kEndpoint].runs, 3);
  EXPECT_EQ(g_fakes[kCertificates].runs, 3);
}

// Failing counts as tried; one server that still waits is enough for 'not yet'.
TEST_F(FleetTest, TriedOnceWaitsForTheLast) {
  asio::steady_timer gate(loop_, Deadline::max());
  g_fakes[kEndpoint].collect = [](Context& /*context*/, Output& /*output*/) -> asio::awaitable<void> {
    throw TlsError("no");
    co_return;
  };
  g_fakes[kCertificates].collect = [&](Context& context, Output& /*output*/) -> asio::awaitable<void> {
    if (context.server.name == "b") {
      co_await gate.async_wait(kAsTuple);
    }
  };
  Apply(Servers({"a", "b"}));
  ASSERT_TRUE(RunUntil([] { return g_fakes[kCertificates].runs == 2; }));
  Drain();
  EXPECT_FALSE(fleet_.TriedOnce());
  gate.cancel();
  EXPECT_TRUE(RunUntil([&] { return fleet_.TriedOnce(); }));
}

TEST_F(FleetTest, AddsRemovesReordersAndKeepsTheRest) {
  Apply(Servers({"a", "b"}));
  ASSERT_TRUE(RunUntil([&] { return fleet_.TriedOnce(); }));
  const auto before = fleet_.Snapshots();
  Apply(Servers({"c", "b"}));
  EXPECT_THAT(Names(), ElementsAre("c", "b"));
  const auto after = fleet_.Snapshots();
  EXPECT_EQ(Find(*after[1], "endpoint")->result, Find(*before[1], "endpoint")->result) << "b keeps its results";
  EXPECT_EQ(Find(*after[0], "endpoint")->result, nullptr);
  ASSERT_TRUE(RunUntil([&] { return fleet_.TriedOnce(); }));
  EXPECT_EQ(g_fakes[kEndpoint].runs, 3) << "a, b, c once each";
  EXPECT_EQ(g_fakes[kEndpoint].instances, 3);
}

TEST_F(FleetTest, ARemovedServerRunsNoMore) {
  auto config = Servers({"a", "b"});
  std::string ran;
  for (auto& server : config.servers) server.collectors["endpoint"].interval = milliseconds(1);
  g_fakes[kEndpoint].collect = [&](Context& context, Output& /*output*/) -> asio::awaitable<void> {
    ran += context.server.name;
    co_return;
  };
  Apply(config);
  ASSERT_TRUE(RunUntil([&] { return ran.find('a') != std::string::npos && ran.find('b') != std::string::npos; }));
  config.servers.erase(config.servers.begin());
  Apply(config);
  ran.clear();
  ASSERT_TRUE(RunUntil([&] { return ran.size() >= 5; }));
  EXPECT_EQ(ran.find('a'), std::string::npos) << ran;
}

TEST_F(FleetTest, ApplyIsAllOrNothing) {
  Apply(Servers({"a", "b"}));
  ASSERT_TRUE(RunUntil([&] { return fleet_.TriedOnce(); }));
  const auto before = fleet_.Snapshots();
  auto bad = Servers({"new", "a", "b"});
  bad.servers[1].collectors["endpoint"].enabled = false;
  bad.servers[2].conninfo = "nonsense";
  try {
    Apply(bad);
    FAIL() << "no error";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("server b: conninfo: "));
  }
  EXPECT_THAT(Names(), ElementsAre("a", "b"));
  Drain();
  const auto after = fleet_.Snapshots();
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(Find(*after[i], "endpoint")->result, Find(*before[i], "endpoint")->result);
  }
  EXPECT_EQ(g_fakes[kEndpoint].runs, 2) << "the new server never ran";
}

// The web asks while the loop works and servers come and go.
TEST_F(FleetTest, SnapshotsFromAnotherThread) {
  auto config = Servers({"a", "b", "c"});
  for (auto& server : config.servers) server.collectors["endpoint"].interval = milliseconds(1);
  g_fakes[kEndpoint].collect = [](Context& /*context*/, Output& output) -> asio::awaitable<void> {
    output.facts.Publish(std::make_shared<const std::string>("fact"));
    co_return;
  };
  Apply(config);
  std::atomic<bool> stop = false;
  std::atomic<int> seen = 0;
  {
    const std::jthread reader([&] {
      while (!stop) {
        for (const auto& snapshot : fleet_.Snapshots()) {
          std::string health = Text(snapshot->health);
          for (const auto& collector : snapshot->collectors) health += Text(collector.health);
          const auto fact = snapshot->facts().Get<std::string>();
          if (fact && *fact == "fact" && !health.empty()) ++seen;
        }
        fleet_.TriedOnce();
      }
    });
    for (int i = 0; i < 20; ++i) {
      const int runs = g_fakes[kEndpoint].runs;
      RunUntil([&] { return g_fakes[kEndpoint].runs >= runs + 5; });
      config.servers[0].conninfo = i % 2 == 0 ? "host=127.0.0.2" : "host=127.0.0.3";
      std::swap(config.servers[1].name, config.servers[2].name);
      Apply(config);
    }
    RunUntil([&] { return seen > 0; });
    stop = true;
  }
  EXPECT_GT(seen, 0);
}

TEST_F(FleetTest, CollectOnceRunsAllServersBesideEachOther) {
  // Each waits until all have begun: one after the other, this would time out.
  int begun = 0;
  asio::steady_timer gate(loop_, Deadline::max());
  g_fakes[kEndpoint].collect = [&](Context& context, Output& /*output*/) -> asio::awaitable<void> {
    EXPECT_TRUE(context.once);
    if (++begun == 3) {
      gate.cancel();
    } else {
      co_await gate.async_wait(kAsTuple);
    }
  };
  const auto snapshots = CollectOnce(Servers({"x", "y", "z"}), runtime_);
  ASSERT_EQ(snapshots.size(), 3u);
  EXPECT_EQ(snapshots[1]->name, "y");
  for (const auto& snapshot : snapshots) EXPECT_FALSE(Find(*snapshot, "endpoint")->result->failure);
}

TEST_F(FleetTest, CollectOnceRefusesABadConninfo) {
  auto config = Servers({"x"});
  config.servers[0].conninfo = "nonsense";
  EXPECT_THROW(CollectOnce(config, runtime_), ConfigError);
}

}  // namespace
}  // namespace pgtls::sampling
