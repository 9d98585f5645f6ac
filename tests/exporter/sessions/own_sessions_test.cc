#include "exporter/sessions/own_sessions.h"

#include <gtest/gtest.h>

namespace pgtls::sessions {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

class OwnSessionsTest : public ::testing::Test {
 protected:
  void Add(std::int64_t cluster, std::string_view database, OwnSessionAccounts::TimePoint known) {
    accounts_.Add(cluster, database, {known - seconds(1), known});
  }

  OwnSessionAccounts accounts_;
  OwnSessionAccounts::TimePoint now_ = OwnSessionAccounts::TimePoint() + std::chrono::hours(1000);
};

TEST_F(OwnSessionsTest, CountsByServerAndDatabase) {
  Add(1, "a", now_);
  Add(1, "a", now_ + seconds(1));
  Add(1, "b", now_);
  Add(2, "a", now_);
  const auto counted = accounts_.Of(1);
  ASSERT_EQ(counted.size(), 2);
  EXPECT_EQ(counted.at("a").total, 2);
  EXPECT_EQ(counted.at("b").total, 1);
  EXPECT_NE(counted.at("a").account, counted.at("b").account);
  EXPECT_EQ(accounts_.Of(2).at("a").total, 1);
  EXPECT_TRUE(accounts_.Of(3).empty());
}

TEST_F(OwnSessionsTest, TimesAreKeptForAWhile) {
  Add(1, "a", now_);
  Add(1, "a", now_ + minutes(10));
  Add(1, "a", now_ + minutes(16));
  const auto recent = accounts_.Of(1).at("a").recent;
  ASSERT_EQ(recent.size(), 2);
  EXPECT_EQ(recent.front().known, now_ + minutes(10));
  EXPECT_EQ(recent.front().began, now_ + minutes(10) - seconds(1));
  for (int i = 0; i < 500; ++i) Add(1, "a", now_ + minutes(17));
  EXPECT_EQ(accounts_.Of(1).at("a").recent.size(), OwnSessionAccounts::kMostRecent);
  EXPECT_EQ(accounts_.Of(1).at("a").total, 503);
}

TEST_F(OwnSessionsTest, AForgottenServerBeginsAnotherCount) {
  Add(1, "a", now_);
  const auto account = accounts_.Of(1).at("a").account;
  now_ += OwnSessionAccounts::kIdle + minutes(1);
  Add(2, "a", now_);
  EXPECT_TRUE(accounts_.Of(1).empty());
  Add(1, "a", now_);
  EXPECT_EQ(accounts_.Of(1).at("a").total, 1);
  EXPECT_NE(accounts_.Of(1).at("a").account, account);
}

}  // namespace
}  // namespace pgtls::sessions
