#include "exporter/evidence/losses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/exporter/evidence/samples.h"

namespace pgtls::evidence {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Values = std::vector<double>;

double Seconds(int second) { return static_cast<double>(At(second).time_since_epoch().count()) / 1000; }

// A value for each of ten seconds, from `begin` on.
std::vector<Point> PointsOf(const Values& values, int begin) {
  std::vector<Point> points;
  for (std::size_t i = 0; i < values.size(); ++i) points.push_back({At(begin + static_cast<int>(i) * 10), values[i]});
  return points;
}

class LossFinderTest : public testing::Test {
 protected:
  void Add(const Values& values, const Values& starts, const std::string& reason = "statistics_reset") {
    finder_.Add({{{{"reason", reason}}, PointsOf(values, next_)}}, PointsOf(starts, next_));
    next_ += static_cast<int>(values.size()) * 10;
  }
  // The seconds at which there was one.
  std::vector<int> Found() {
    std::vector<int> seconds;
    for (const Loss& loss : finder_.Take()) seconds.push_back(static_cast<int>((loss.step - At(0)).count() / 1000));
    return seconds;
  }

  const double old_ = Seconds(-100);
  LossFinder finder_{At(0)};
  int next_ = 0;
};

TEST_F(LossFinderTest, FindsWhereACounterGrew) {
  Add({4, 4, 5}, {old_, old_, old_});
  Add({5, 7, 7}, {old_, old_, old_});  // the next answer
  EXPECT_THAT(Found(), ElementsAre(20, 40));
  EXPECT_THAT(Found(), IsEmpty());
}

TEST_F(LossFinderTest, WhatGrewBetweenTwoAnswersIsOne) {
  Add({4, 4}, {old_, old_});
  Add({5, 5}, {old_, old_});
  EXPECT_THAT(Found(), ElementsAre(20));
}

TEST_F(LossFinderTest, WhatIsThereAtTheBeginIsOfBefore) {
  Add({4, 4}, {old_, old_});
  EXPECT_THAT(Found(), IsEmpty());
}

// The counters began at 0 after the begin.
TEST_F(LossFinderTest, TheFirstValueOfANewRunCounts) {
  Add({1, 1, 0}, {Seconds(0), Seconds(0), Seconds(15)});
  Add({0, 2, 2}, {Seconds(15), Seconds(35), Seconds(35)});
  EXPECT_THAT(Found(), ElementsAre(0, 40));
}

TEST_F(LossFinderTest, FewerThanTheRunBeforeAreLossesToo) {
  Add({4, 4}, {old_, old_});
  Add({1, 1}, {Seconds(15), Seconds(15)});
  EXPECT_THAT(Found(), ElementsAre(20));
}

TEST_F(LossFinderTest, EachReasonHasACountOfItsOwnAndTheyAreSorted) {
  Add({4, 4, 5}, {old_, old_, old_});
  next_ = 0;
  Add({1, 2, 2}, {old_, old_, old_}, "database_dropped");
  const auto losses = finder_.Take();
  ASSERT_EQ(losses.size(), 2u);
  EXPECT_EQ(losses[0].reason, "database_dropped");
  EXPECT_EQ(losses[1].reason, "statistics_reset");
}

TEST(Loss, OnlyTheServersStatisticsMayLoseWhatItsLogHas) {
  EXPECT_TRUE(IsInLog({"statistics_reset", At(0)}));
  EXPECT_TRUE(IsInLog({"database_dropped", At(0)}));
  EXPECT_FALSE(IsInLog({"server_changed", At(0)}));
  EXPECT_FALSE(IsInLog({"server_restarted", At(0)}));
  EXPECT_FALSE(IsInLog({"of a later version", At(0)}));
}

TEST(Loss, LiesBetweenTheCollectionsAroundIt) {
  const std::vector<GoodSample> samples = {{At(30), At(28), At(25)}, {At(60), At(58), At(55)}};
  EXPECT_EQ(RangeOf({"", At(60)}, samples), Range(15, 55));
  EXPECT_EQ(RangeOf({"", At(31)}, samples), Range(15, 55));
  EXPECT_EQ(RangeOf({"", At(61)}, samples), Range(45, 61)) << "no sample after it";
  EXPECT_EQ(RangeOf({"", At(30)}, samples), (TimeRange{Time::min(), At(25)}));
}

}  // namespace
}  // namespace pgtls::evidence
