#include "exporter/base/adaptive_limit.h"

#include <gtest/gtest.h>

namespace pgtls {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Answer = AdaptiveLimit::Answer;

class AdaptiveLimitTest : public ::testing::Test {
 protected:
  // `count` servers from number `first` on answer, one after the other within `span`; each was asked `before` they did.
  void Some(int first, int count, Answer answer, milliseconds span, milliseconds before = milliseconds(1)) {
    for (int i = 0; i < count; ++i) {
      now_ += span / count;
      limit_.Add("db" + std::to_string(first + i), answer, now_ - before, now_, more_wait_);
    }
  }
  void Round(int first, int count, Answer answer, milliseconds before = milliseconds(1)) {
    Some(first, count, answer, milliseconds(1200), before);
  }

  AdaptiveLimit limit_{{.least = 8, .initial = 32, .most = 64}};
  AdaptiveLimit::Time now_{std::chrono::hours(1)};
  bool more_wait_ = true;
};

TEST_F(AdaptiveLimitTest, GrowsByOneForEachRoundOfQuickAnswersUpToItsBound) {
  Round(0, 32, Answer::kQuick);
  EXPECT_EQ(limit_.limit(), 33U);
  Round(0, 33, Answer::kQuick);
  EXPECT_EQ(limit_.limit(), 34U);
  for (int i = 0; i < 100; ++i) Round(0, 64, Answer::kQuick);
  EXPECT_EQ(limit_.limit(), 64U);
}

TEST_F(AdaptiveLimitTest, StaysWhileNothingWaits) {
  more_wait_ = false;
  Round(0, 1000, Answer::kQuick);
  EXPECT_EQ(limit_.limit(), 32U);
}

TEST_F(AdaptiveLimitTest, SlowAnswersLeaveItAsItIs) {
  for (int i = 0; i < 10; ++i) Round(0, 100, Answer::kSlow);
  EXPECT_EQ(limit_.limit(), 32U);
  EXPECT_FALSE(limit_.overloaded());
}

TEST_F(AdaptiveLimitTest, IsHalvedWhileMostServersAnswerLateAndNeverBelowItsBound) {
  for (const std::size_t expected : {16U, 8U, 8U}) {
    Round(0, 20, Answer::kLate);
    EXPECT_EQ(limit_.limit(), expected);
    EXPECT_TRUE(limit_.overloaded());
  }
  Round(0, 20, Answer::kQuick);
  EXPECT_FALSE(limit_.overloaded());
  const std::size_t before = limit_.limit();
  Round(0, 20, Answer::kQuick);
  EXPECT_GT(limit_.limit(), before);
}

TEST_F(AdaptiveLimitTest, IsHalvedOnceForWhatWasAskedUnderTheLargerLimit) {
  Round(0, 20, Answer::kLate);
  // All of them were asked before.
  Round(20, 20, Answer::kLate, seconds(3));
  EXPECT_EQ(limit_.limit(), 16U);
}

TEST_F(AdaptiveLimitTest, DeadServersAreNoOverload) {
  for (int i = 0; i < 10; ++i) {
    Round(100, 100, Answer::kNone);
    Round(0, 10, Answer::kQuick);
  }
  EXPECT_GE(limit_.limit(), 32U);
  EXPECT_FALSE(limit_.overloaded());
}

TEST_F(AdaptiveLimitTest, AnOutageOfAllServersIsNoOverload) {
  for (int i = 0; i < 10; ++i) Round(0, 200, Answer::kNone);
  EXPECT_EQ(limit_.limit(), 32U);
  EXPECT_FALSE(limit_.overloaded());
}

TEST_F(AdaptiveLimitTest, ServersWithoutAnAnswerCountWhereOthersAnswerLate) {
  Some(0, 6, Answer::kQuick, milliseconds(100));
  Some(10, 4, Answer::kLate, milliseconds(1200));
  EXPECT_EQ(limit_.limit(), 32U);
  Some(0, 6, Answer::kQuick, milliseconds(100));
  Some(20, 5, Answer::kNone, milliseconds(100));
  Some(10, 4, Answer::kLate, milliseconds(1200));
  EXPECT_EQ(limit_.limit(), 16U);
}

// One of them, over and over, is not many.
TEST_F(AdaptiveLimitTest, OneLateServerIsNoOverload) {
  for (int i = 0; i < 50; ++i) {
    Round(0, 1, Answer::kLate);
    Round(1, 2, Answer::kNone);
  }
  Round(3, 8, Answer::kNone);
  EXPECT_EQ(limit_.limit(), 32U);
  EXPECT_FALSE(limit_.overloaded());
}

// A reload of the configuration, or an outage, may leave fewer servers than a full window has.
TEST_F(AdaptiveLimitTest, OverloadEndsAlsoWhereFewServersAreLeft) {
  Round(0, 20, Answer::kLate);
  ASSERT_TRUE(limit_.overloaded());
  for (int i = 0; i < 20; ++i) Round(0, 3, Answer::kQuick);
  EXPECT_FALSE(limit_.overloaded());
  const std::size_t limit = limit_.limit();
  for (int i = 0; i < 20; ++i) Round(0, 3, Answer::kQuick);
  EXPECT_GT(limit_.limit(), limit);
}

}  // namespace
}  // namespace pgtls
