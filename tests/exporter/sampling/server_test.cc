#include "exporter/sampling/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "exporter/base/completion.h"
#include "exporter/base/error.h"
#include "exporter/sampling/health.h"
#include "tests/exporter/sampling/fakes.h"

namespace pgtls::sampling {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using testing::g_fakes;
using ::testing::HasSubstr;
using testing::kCertificates;
using testing::kEndpoint;
using ::testing::Not;
using ::testing::internal::CaptureStderr;
using ::testing::internal::GetCapturedStderr;

class ServerTest : public testing::SamplingTest {};

asio::awaitable<void> Forever(Context& /*context*/, Output& /*output*/) {
  asio::steady_timer timer(co_await asio::this_coro::executor, Deadline::max());
  co_await timer.async_wait(asio::use_awaitable);
}

TEST_F(ServerTest, EachCollectorRunsAtOnceAndThenOnItsOwnInterval) {
  auto config = Config("db");
  config.collectors["endpoint"].interval = milliseconds(5);
  Start(config);
  ASSERT_TRUE(RunUntil([] { return g_fakes[kEndpoint].runs >= 10; }));
  EXPECT_EQ(g_fakes[kCertificates].runs, 1);
  EXPECT_THAT(TextOf("certificates"), HasSubstr("pg_tls_test_runs{server=\"db\"} 1\n"));
  // The same instance each time: what it keeps outlives a run.
  EXPECT_EQ(g_fakes[kEndpoint].instances, 1);
}

TEST_F(ServerTest, ACollectorIsGivenWhatItNeeds) {
  auto config = Config("db");
  config.collectors["endpoint"].timeout = seconds(7);
  Deadline deadline;
  g_fakes[kEndpoint].collect = [&](Context& context, Output& /*output*/) -> asio::awaitable<void> {
    EXPECT_EQ(context.server.name, "db");
    EXPECT_EQ(context.config.timeout, seconds(7));
    EXPECT_EQ(context.target.DisplayName(), "127.0.0.1:1");
    EXPECT_EQ(context.session, nullptr);
    EXPECT_FALSE(context.peer);
    EXPECT_FALSE(context.once);
    deadline = context.deadline;
    co_return;
  };
  const Deadline before = std::chrono::steady_clock::now();
  Start(config);
  ASSERT_TRUE(RunUntil([&] { return ResultOf("endpoint") != nullptr; }));
  EXPECT_GE(deadline, before + seconds(7));
  EXPECT_LE(deadline, std::chrono::steady_clock::now() + seconds(7));
}

TEST_F(ServerTest, AFailureIsItsOwnAndHidesNoOther) {
  struct {
    std::function<void()> fail;
    FailureReason reason;
    const char* message;
  } const cases[] = {
      {[] { throw TlsError("handshake"); }, FailureReason::kTls, "handshake"},
      {[] { throw DbError(FailureReason::kInsufficientPrivilege, "42501", "denied"); },
       FailureReason::kInsufficientPrivilege, "denied"},
      {[] { throw std::runtime_error("what"); }, FailureReason::kError, "what"},
  };
  for (const auto& [fail, reason, message] : cases) {
    g_fakes = {};
    g_fakes[kEndpoint].collect = [&fail](Context& /*context*/, Output& /*output*/) -> asio::awaitable<void> {
      fail();
      co_return;
    };
    Start(Config("db"));
    ASSERT_TRUE(RunUntil([&] { return ResultOf("endpoint") && ResultOf("certificates"); }));
    ASSERT_TRUE(ResultOf("endpoint")->failure);
    EXPECT_EQ(ResultOf("endpoint")->failure->reason, reason);
    EXPECT_EQ(ResultOf("endpoint")->failure->message, message);
    EXPECT_EQ(ResultOf("endpoint")->samples, nullptr);
    EXPECT_FALSE(ResultOf("certificates")->failure);
    EXPECT_NE(TextOf("certificates"), "");
    server_->Stop();
    Drain();
  }
}

TEST_F(ServerTest, AnUnchangedResultIsTheLastOneAgain) {
  auto config = Config("db");
  config.collectors["endpoint"].interval = milliseconds(1);
  std::vector<std::optional<Digest>> bases;
  g_fakes[kEndpoint].collect = [&bases](Context& context, Output& output) -> asio::awaitable<void> {
    bases.push_back(context.basis);
    output.basis = DigestOf("sessions");
    output.unchanged = context.basis == output.basis;
    // The third run fails; the fourth has nothing to refer to.
    if (bases.size() == 3) throw std::runtime_error("gone");
    output.incomplete.push_back({"part", "reason"});
    output.facts.Publish(std::make_shared<const int>(static_cast<int>(bases.size())));
    co_return;
  };
  Start(config);
  std::vector<std::shared_ptr<const CollectorResult>> results;
  ASSERT_TRUE(RunUntil([&] {
    const auto result = ResultOf("endpoint");
    if (result && (results.empty() || results.back() != result)) results.push_back(result);
    return bases.size() >= 4 && results.size() >= 2;
  }));
  ASSERT_FALSE(bases[0]);
  EXPECT_EQ(bases[1], DigestOf("sessions"));
  EXPECT_EQ(bases[2], DigestOf("sessions")) << "an unchanged result keeps its basis";
  EXPECT_FALSE(bases[3]) << "a failure leaves none";
  EXPECT_EQ(*results[0]->facts.Get<int>(), 1);
}

TEST_F(ServerTest, ACollectorThatHangsTimesOut) {
  auto config = Config("db");
  config.collectors["endpoint"].timeout = milliseconds(20);
  g_fakes[kEndpoint].collect = Forever;
  Start(config);
  ASSERT_TRUE(RunUntil([&] { return ResultOf("endpoint") && ResultOf("certificates"); }));
  EXPECT_EQ(ResultOf("endpoint")->failure->reason, FailureReason::kTimeout);
  EXPECT_EQ(ResultOf("endpoint")->failure->message, "endpoint: no answer in time");
  EXPECT_FALSE(ResultOf("certificates")->failure);
}

// Prometheus would refuse the whole page. One of the samples is as good as both.
TEST_F(ServerTest, ALabelSetTwiceCostsOneSampleAndFailsNothing) {
  g_fakes[kEndpoint].collect = [](Context& /*context*/, Output& output) -> asio::awaitable<void> {
    output.sink.Add(testing::kRuns, {}, 1);
    co_return;
  };
  Start(Config("db"));
  ASSERT_TRUE(RunUntil([&] { return ResultOf("endpoint") && ResultOf("certificates"); }));
  EXPECT_FALSE(ResultOf("endpoint")->failure);
  EXPECT_EQ(TextOf("endpoint"), "pg_tls_test_runs{server=\"db\"} 1\n");
  EXPECT_NE(TextOf("certificates"), "");
}

TEST_F(ServerTest, AFailedRunTakesSeriesAndFactsWithIt) {
  auto config = Config("db");
  config.collectors["endpoint"].interval = milliseconds(5);
  bool fail = false;
  g_fakes[kEndpoint].collect = [&](Context& /*context*/, Output& output) -> asio::awaitable<void> {
    output.facts.Publish(std::make_shared<const int>(42));
    if (fail) throw TlsError("gone");
    co_return;
  };
  Start(config);
  ASSERT_TRUE(RunUntil([&] { return ResultOf("endpoint") != nullptr; }));
  EXPECT_EQ(*server_->Snapshot()->facts().Get<int>(), 42);
  fail = true;
  ASSERT_TRUE(RunUntil([&] { return ResultOf("endpoint")->failure.has_value(); }));
  EXPECT_EQ(server_->Snapshot()->facts().Get<int>(), nullptr);
  EXPECT_EQ(TextOf("endpoint"), "");
  const ServerSnapshot snapshot = *server_->Snapshot();
  EXPECT_TRUE(Find(snapshot, "endpoint")->last_success);
  EXPECT_THAT(Health(), HasSubstr("pg_tls_collector_success{server=\"db\",collector=\"endpoint\"} 0\n"));
  EXPECT_THAT(Health(),
              HasSubstr("pg_tls_collector_last_success_timestamp_seconds{server=\"db\",collector=\"endpoint\"}"));
  fail = false;
  ASSERT_TRUE(RunUntil([&] { return !ResultOf("endpoint")->failure; }));
  EXPECT_NE(server_->Snapshot()->facts().Get<int>(), nullptr);
}

TEST_F(ServerTest, FactsReachTheOtherCollectors) {
  auto config = Config("db");
  config.collectors["certificates"].interval = milliseconds(5);
  g_fakes[kEndpoint].collect = [](Context& /*context*/, Output& output) -> asio::awaitable<void> {
    output.facts.Publish(std::make_shared<const std::string>("chain"));
    co_return;
  };
  std::string seen;
  g_fakes[kCertificates].collect = [&](Context& context, Output& /*output*/) -> asio::awaitable<void> {
    const auto fact = context.facts().Get<std::string>();
    if (fact) seen = *fact;
    EXPECT_EQ(context.facts().Get<double>(), nullptr);
    co_return;
  };
  Start(config);
  ASSERT_TRUE(RunUntil([&] { return seen == "chain"; }));
}

TEST_F(ServerTest, UnsupportedHasNeitherSeriesNorHealth) {
  g_fakes[kEndpoint].collect = [](Context& /*context*/, Output& output) -> asio::awaitable<void> {
    output.unsupported = {"over a Unix socket", "Connect over TCP."};
    co_return;
  };
  Start(Config("db"));
  ASSERT_TRUE(RunUntil([&] { return ResultOf("endpoint") && ResultOf("certificates"); }));
  EXPECT_TRUE(ResultOf("endpoint")->unsupported);
  EXPECT_THAT(Health(), Not(HasSubstr("endpoint")));
  EXPECT_THAT(Health(), HasSubstr("certificates"));
}

TEST_F(ServerTest, IncompletePartsAreTold) {
  g_fakes[kEndpoint].collect = [](Context& /*context*/, Output& output) -> asio::awaitable<void> {
    output.incomplete.push_back({"raw_text", "insufficient_privilege"});
    co_return;
  };
  Start(Config("db"));
  ASSERT_TRUE(RunUntil([&] { return ResultOf("endpoint") != nullptr; }));
  EXPECT_THAT(Health(), HasSubstr("pg_tls_collector_success{server=\"db\",collector=\"endpoint\"} 1\n"));
  EXPECT_THAT(Health(),
              HasSubstr("pg_tls_collector_incomplete_info{server=\"db\",collector=\"endpoint\",part=\"raw_text\","
                        "reason=\"insufficient_privilege\"} 1\n"));
}

// A managed server will never show its files: its operator reads so once, and not every minute.
TEST_F(ServerTest, AnUnseenPartIsLoggedOnce) {
  g_fakes[kEndpoint].collect = [](Context& /*context*/, Output& output) -> asio::awaitable<void> {
    output.incomplete.push_back({"files", "insufficient_privilege", "/data"});
    if (g_fakes[kEndpoint].runs > 2) output.incomplete.push_back({"rules", "unsupported"});
    co_return;
  };
  auto config = Config("db");
  config.collectors["endpoint"].interval = milliseconds(5);
  CaptureStderr();
  Start(config);
  const bool ran = RunUntil([] { return g_fakes[kEndpoint].runs >= 6; });
  const std::string log = GetCapturedStderr();
  ASSERT_TRUE(ran);
  const std::string line = "level=info msg=\"a part could not be checked\" server=db collector=endpoint part=";
  std::vector<std::string> told;
  for (std::size_t at = log.find(line); at != std::string::npos; at = log.find(line, at + 1)) {
    const std::size_t part = at + line.size();
    told.push_back(log.substr(part, log.find('\n', part) - part));
  }
  EXPECT_THAT(told, ElementsAre("files reason=insufficient_privilege detail=/data", "rules reason=unsupported")) << log;
}

TEST_F(ServerTest, StopEndsWhatRunsAtOnce) {
  g_fakes[kEndpoint].collect = Forever;
  Start(Config("db"));
  ASSERT_TRUE(RunUntil([] { return g_fakes[kEndpoint].runs == 1; }));
  server_->Stop();
  Drain();
  EXPECT_TRUE(loop_.stopped()) << "something still waits";
  EXPECT_EQ(ResultOf("endpoint"), nullptr);
  // Nothing holds it any more.
  const std::weak_ptr<Server> weak = server_;
  server_.reset();
  EXPECT_TRUE(weak.expired());
}

TEST_F(ServerTest, ReconfigureKeepsInstancesAndResults) {
  Start(Config("db"));
  ASSERT_TRUE(RunUntil([&] { return ResultOf("endpoint") && ResultOf("certificates"); }));
  auto config = Config("db");
  config.collectors["endpoint"].interval = seconds(1800);
  Reconfigure(config);
  EXPECT_THAT(TextOf("endpoint"), HasSubstr("} 1\n"));
  ASSERT_TRUE(RunUntil([&] { return TextOf("endpoint").ends_with("} 2\n"); }));
  EXPECT_EQ(g_fakes[kEndpoint].instances, 1);
  EXPECT_EQ(g_fakes[kCertificates].runs, 1) << "its interval did not change";
  EXPECT_THAT(Health(), HasSubstr("pg_tls_collector_interval_seconds{server=\"db\",collector=\"endpoint\"} 1800\n"));
}

TEST_F(ServerTest, ChangedSettingsAreAppliedAtOnce) {
  int option = 0;
  g_fakes[kCertificates].collect = [&](Context& context, Output& /*output*/) -> asio::awaitable<void> {
    option = context.config.options.As<int>();
    co_return;
  };
  Start(Config("db"));
  ASSERT_TRUE(RunUntil([&] { return ResultOf("endpoint") && ResultOf("certificates"); }));
  auto config = Config("db");
  config.collectors["certificates"].options = config::CollectorOptions(1);
  Reconfigure(config);
  EXPECT_NE(ResultOf("certificates"), nullptr) << "the last result stays meanwhile";
  ASSERT_TRUE(RunUntil([&] { return option == 1; }));
  EXPECT_EQ(g_fakes[kEndpoint].runs, 1) << "its settings did not change";
}

TEST_F(ServerTest, SettingsThatChangeDuringARunAreAppliedAfterIt) {
  asio::steady_timer gate(loop_, Deadline::max());
  int option = 0;
  g_fakes[kCertificates].collect = [&](Context& context, Output& /*output*/) -> asio::awaitable<void> {
    option = context.config.options.As<int>();
    if (option == 0) co_await gate.async_wait(kAsTuple);
  };
  Start(Config("db"));
  ASSERT_TRUE(RunUntil([] { return g_fakes[kCertificates].runs == 1; }));
  auto config = Config("db");
  config.collectors["certificates"].options = config::CollectorOptions(1);
  Reconfigure(config);
  gate.cancel();
  EXPECT_TRUE(RunUntil([&] { return option == 1; }));
}

TEST_F(ServerTest, ADisabledCollectorIsGoneAndComesBackAsItWas) {
  Start(Config("db"));
  ASSERT_TRUE(RunUntil([&] { return ResultOf("endpoint") && ResultOf("certificates"); }));
  auto config = Config("db");
  config.collectors["endpoint"].enabled = false;
  Reconfigure(config);
  EXPECT_EQ(Find(*server_->Snapshot(), "endpoint"), nullptr);
  EXPECT_THAT(Health(), Not(HasSubstr("endpoint")));
  EXPECT_NE(ResultOf("certificates"), nullptr);
  Reconfigure(Config("db"));
  ASSERT_TRUE(RunUntil([&] { return TextOf("endpoint").ends_with("} 2\n"); }));
  EXPECT_EQ(g_fakes[kEndpoint].instances, 1);
}

TEST_F(ServerTest, AnotherPlaceDropsResultsAndKeepsInstances) {
  Start(Config("db"));
  ASSERT_TRUE(RunUntil([&] { return ResultOf("endpoint") && ResultOf("certificates"); }));
  auto elsewhere = Config("db", "host=127.0.0.2 port=1");
  Reconfigure(elsewhere);
  EXPECT_EQ(ResultOf("endpoint"), nullptr);
  ASSERT_TRUE(RunUntil([&] { return TextOf("endpoint").ends_with("} 2\n"); }));
  elsewhere.endpoint = config::HostPort{"127.0.0.3", 5432};
  Reconfigure(elsewhere);
  EXPECT_EQ(ResultOf("endpoint"), nullptr);
  ASSERT_TRUE(RunUntil([&] { return TextOf("endpoint").ends_with("} 3\n"); }));
  EXPECT_EQ(g_fakes[kEndpoint].instances, 1);
}

// A run that began at the old place must not be shown as the new one's.
TEST_F(ServerTest, ARunThatBeganElsewhereSaysNothing) {
  asio::steady_timer gate(loop_, Deadline::max());
  std::vector<int> stored;
  g_fakes[kEndpoint].collect = [&](Context& context, Output& output) -> asio::awaitable<void> {
    output.facts.Publish(std::make_shared<const int>(context.server.endpoint->port));
    co_await gate.async_wait(kAsTuple);
  };
  auto config = Config("db");
  config.endpoint = config::HostPort{"127.0.0.1", 1111};
  Start(config);
  ASSERT_TRUE(RunUntil([] { return g_fakes[kEndpoint].runs == 1; }));
  config.endpoint = config::HostPort{"127.0.0.1", 2222};
  Reconfigure(config);
  gate.cancel();
  ASSERT_TRUE(RunUntil([&] { return ResultOf("endpoint") || g_fakes[kEndpoint].runs == 2; }));
  EXPECT_EQ(ResultOf("endpoint"), nullptr);
  gate.cancel();
  ASSERT_TRUE(RunUntil([&] { return ResultOf("endpoint") != nullptr; }));
  EXPECT_EQ(*server_->Snapshot()->facts().Get<int>(), 2222);
}

TEST_F(ServerTest, RunOnceRunsEachOnce) {
  bool once = false;
  g_fakes[kEndpoint].collect = [&](Context& context, Output& /*output*/) -> asio::awaitable<void> {
    once = context.once;
    co_return;
  };
  server_ = std::make_shared<Server>(std::make_shared<const config::ServerConfig>(Config("db")), runtime_);
  asio::co_spawn(loop_, server_->RunOnce(), asio::detached);
  Drain();
  EXPECT_TRUE(loop_.stopped());
  EXPECT_TRUE(once);
  EXPECT_EQ(g_fakes[kEndpoint].runs, 1);
  EXPECT_EQ(g_fakes[kCertificates].runs, 1);
  EXPECT_EQ(server_->Snapshot()->up, std::nullopt) << "nothing asked by SQL";
}

TEST_F(ServerTest, ABadConninfoIsToldAtOnce) {
  const auto make = [&](const std::string& conninfo) {
    return Server(std::make_shared<const config::ServerConfig>(Config("db", conninfo)), runtime_);
  };
  EXPECT_THROW(make("nonsense"), ConfigError);
}

}  // namespace
}  // namespace pgtls::sampling
