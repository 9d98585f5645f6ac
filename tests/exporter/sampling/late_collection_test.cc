// What a server says of itself while its collections wait for those of others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "exporter/sampling/admission.h"
#include "tests/exporter/sampling/fakes.h"

namespace pgtls::sampling {
namespace {

using std::chrono::milliseconds;
using testing::g_fakes;
using ::testing::HasSubstr;
using testing::kEndpoint;
using ::testing::Not;

class LateCollectionTest : public testing::SamplingTest {
 protected:
  LateCollectionTest() : SamplingTest({&testing::kEndpointType}) { runtime_.admission = &admission_; }
  Admission admission_{loop_, {.least = 1, .initial = 1, .most = 1}};
};

TEST_F(LateCollectionTest, WhatIsKnownIsDroppedAfterThreeIntervalsAndComesBack) {
  auto config = Config("db");
  config.collectors["endpoint"].interval = milliseconds(100);
  std::optional<Admission::Permit> other;
  g_fakes[kEndpoint].collect = [&](Context& /*context*/, Output& /*output*/) -> asio::awaitable<void> {
    // Waits, and has its turn before this server is due again. Never silent for long enough to be left out of account.
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

}  // namespace
}  // namespace pgtls::sampling
