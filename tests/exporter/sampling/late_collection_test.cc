// What a server says of itself while its collections wait for those of others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "exporter/sampling/admission.h"
#include "tests/exporter/sampling/fakes.h"
#include "tests/support/files.h"

namespace pgtls::sampling {
namespace {

using std::chrono::milliseconds;
using testing::g_fakes;
using ::testing::HasSubstr;
using testing::kEndpoint;
using ::testing::Not;

// For the admission no time passes: the permit of a server that does not answer counts, however slow this machine is.
Deadline StandingClock() {
  static const Deadline start = std::chrono::steady_clock::now();
  return start;
}

class LateCollectionTest : public testing::SamplingTest {
 protected:
  LateCollectionTest() : SamplingTest({&testing::kEndpointType}) { runtime_.admission = &admission_; }
  Admission admission_{loop_, {.least = 1, .initial = 1, .most = 1}, StandingClock};
};

TEST_F(LateCollectionTest, WhatIsKnownIsDroppedAfterThreeIntervalsAndComesBack) {
  auto config = Config("db");
  config.collectors["endpoint"].interval = milliseconds(100);
  std::optional<Admission::Permit> other;
  g_fakes[kEndpoint].collect = [&](Context& /*context*/, Output& /*output*/) -> asio::awaitable<void> {
    // Waits, and has its turn before this server is due again.
    if (!other) other.emplace(&admission_, "other", Work{Urgency::kFirstSessions, {}, milliseconds(100), false});
    co_return;
  };
  Start(config);
  ASSERT_TRUE(RunUntil([&] { return ResultOf("endpoint") && !ResultOf("endpoint")->failure; }));
  const auto success = Find(*server_->Snapshot(), "endpoint")->last_success;
  ASSERT_TRUE(RunUntil([&] { return ResultOf("endpoint")->failure.has_value(); }));
  EXPECT_EQ(ResultOf("endpoint")->failure->reason, FailureReason::kTimeout);
  EXPECT_EQ(ResultOf("endpoint")->failure->message, "overload: not collected for three intervals");
  EXPECT_EQ(TextOf("endpoint"), "");
  EXPECT_EQ(Find(*server_->Snapshot(), "endpoint")->last_success, success);
  EXPECT_EQ(g_fakes[kEndpoint].runs, 1);
  EXPECT_THAT(Health(), HasSubstr("pg_tls_collector_interval_seconds{server=\"db\",collector=\"endpoint\"} 0.1\n"));
  EXPECT_THAT(Health(), Not(HasSubstr("pg_tls_up"))) << "nobody asked the server";
  other.reset();
  ASSERT_TRUE(RunUntil([&] { return !ResultOf("endpoint")->failure; }));
  EXPECT_EQ(g_fakes[kEndpoint].runs, 2);
}

TEST(AnswerTest, AHostThatIsSilentOrNotFoundIsNoAnswer) {
  EXPECT_FALSE(IsAnswer({FailureReason::kTimeout, ""}));
  // libpq gives a silent host up after three seconds, most of a timeout of five.
  EXPECT_FALSE(IsAnswer(AsFailure(db::ReadConnectError(
      "connection to server at \"192.0.2.1\", port 5432 failed: Connection timed out\n\tIs the server running?\n",
      false))));
  EXPECT_FALSE(IsAnswer(AsFailure(db::ReadConnectError(
      "could not translate host name \"db\" to address: Temporary failure in name resolution\n", false))));
  EXPECT_TRUE(IsAnswer(AsFailure(
      db::ReadConnectError("connection to server at \"192.0.2.1\", port 5432 failed: Connection refused\n", false))));
  EXPECT_TRUE(IsAnswer({FailureReason::kAuthentication, "", db::LoginProblem::kPasswordWrong}));
}

class LateLaneTest : public testing::SamplingTest {
 protected:
  LateLaneTest() { runtime_.admission = &admission_; }
  Admission admission_{loop_, {.least = 1, .initial = 1, .most = 1}, StandingClock};
};

TEST_F(LateLaneTest, WhatWaitsBehindTheCollectorThatWaitsForAPermitIsDroppedToo) {
  auto config = Config("db");
  for (const char* collector : {"endpoint", "certificates"}) config.collectors[collector].interval = milliseconds(100);
  std::optional<Admission::Permit> other;
  g_fakes[testing::kCertificates].collect = [&](Context& /*context*/, Output& /*output*/) -> asio::awaitable<void> {
    if (!other) other.emplace(&admission_, "other", Work{Urgency::kFirstSessions, {}, milliseconds(100), false});
    co_return;
  };
  Start(config);
  ASSERT_TRUE(RunUntil([&] { return ResultOf("endpoint") && ResultOf("certificates"); }));
  ASSERT_TRUE(RunUntil([&] { return ResultOf("endpoint")->failure && ResultOf("certificates")->failure; }));
  EXPECT_EQ(g_fakes[kEndpoint].runs + g_fakes[testing::kCertificates].runs, 2);
}

class OverdueTest : public testing::SamplingTest {
 protected:
  OverdueTest() : SamplingTest({&testing::kSessionsType, &testing::kSettingsType}) { runtime_.admission = &admission_; }
  Admission admission_{loop_, {.least = 1, .initial = 1, .most = 1}};
};

// Settings that are overdue are asked before sessions, so sessions that are due do not take their place in the queue.
TEST_F(OverdueTest, WaitsWithoutRunningForAPermitBeforeWhatIsMoreUrgent) {
  auto config = Config("db", "host=127.0.0.1 port=" + std::to_string(support::FreePort()));
  config.collectors["settings"].interval = milliseconds(0);
  Start(config);
  std::shared_ptr<const CollectorResult> last;
  int attempts = 0;
  // From then on a server that is down is no more urgent than others.
  ASSERT_TRUE(RunUntil([&] {
    if (ResultOf("sessions") != std::exchange(last, ResultOf("sessions"))) ++attempts;
    return attempts == 3;
  }));
  Admission::Permit other(&admission_, "other", Work{Urgency::kFirstSessions, {}, milliseconds(100), false});
  bool granted = false;
  asio::co_spawn(loop_, other.Wait(Deadline::max()), [&](const std::exception_ptr&, bool got) { granted = got; });
  ASSERT_TRUE(RunUntil([&] { return granted; }));
  loop_.restart();
  int steps = 0;
  while (steps < 1000 && loop_.poll_one() > 0) ++steps;
  EXPECT_LT(steps, 1000) << "the lane asks for its permit again and again";
}

class LateFleetTest : public testing::SamplingTest {
 protected:
  LateFleetTest() : SamplingTest({&testing::kSessionsType}) {}
  void AnswerLate() {
    for (int i = 0; i < 12; ++i) {
      now_ += milliseconds(200);
      Admission::Permit permit(&admission_, "other" + std::to_string(i),
                               {Urgency::kSessions, now_, milliseconds(100), true});
      permit.Report(milliseconds(90), milliseconds(100), true);
    }
  }
  Deadline now_{std::chrono::hours(1)};
  Admission admission_{loop_, Admission::kBounds, [this] { return now_; }};
};

// Each attempt is more for all of them to do. Two servers that are down, one of them in a fleet that answers late: its
// shortest wait is twice the other's longest.
TEST_F(LateFleetTest, AServerThatIsDownIsTriedLessOften) {
  AnswerLate();
  ASSERT_TRUE(admission_.answers_are_late());
  auto config = Config("db", "host=127.0.0.1 port=" + std::to_string(support::FreePort()));
  config.collectors["sessions"].interval = milliseconds(200);
  const auto shared = std::make_shared<const config::ServerConfig>(config);
  Runtime late_runtime = runtime_;
  late_runtime.admission = &admission_;
  const auto late = std::make_shared<Server>(shared, late_runtime);
  struct Attempts {
    Server& server;
    std::shared_ptr<const CollectorResult> last;
    int count = 0;
    void Look() {
      const auto result = Find(*server.Snapshot(), "sessions")->result;
      if (result != std::exchange(last, result)) ++count;
    }
  };
  Start(config);
  late->Start();
  Attempts usual{*server_}, rare{*late};
  ASSERT_TRUE(RunUntil([&] {
    usual.Look(), rare.Look();
    return usual.count == 12;
  }));
  EXPECT_LT(4 * rare.count, 3 * usual.count);
  late->Stop();
}

}  // namespace
}  // namespace pgtls::sampling
