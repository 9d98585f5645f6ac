#include "exporter/sampling/schedule.h"

#include <gtest/gtest.h>

#include <set>

namespace pgtls::sampling {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr Deadline kStart{std::chrono::hours(1000)};

TEST(ScheduleTest, WhatIsDueOnOneBeatIsDueTogether) {
  std::set<Deadline> moments;
  for (int i = 0; i < 15'000; ++i) {
    const Deadline due = kStart + milliseconds(i);
    const Deadline beat = LastBeat(due, seconds(15));
    EXPECT_LE(beat, due);
    EXPECT_LT(due - beat, milliseconds(250));
    moments.insert(beat);
  }
  EXPECT_EQ(moments.size(), 60);
}

TEST(ScheduleTest, ARunThatTakesAMomentIsDueAnIntervalAfterItsBeat) {
  const Deadline beat = LastBeat(kStart + milliseconds(777), seconds(60));
  EXPECT_EQ(LastBeat(beat, seconds(60)), beat);
  EXPECT_EQ(LastBeat(beat + milliseconds(40) + seconds(60), seconds(60)), beat + seconds(60));
}

TEST(ScheduleTest, TheShortestIntervalHasBeatsToo) {
  const Deadline due = kStart + nanoseconds(12'345);
  EXPECT_LT(due - LastBeat(due, milliseconds(1)), milliseconds(1));
}

TEST(ScheduleTest, CollectorsOfOneServerStayTogether) {
  const milliseconds sessions = SecondRun(seconds(15), seconds(15), 0.7, 0.9);
  EXPECT_EQ(sessions, milliseconds(10'500));
  for (const double chance : {0.0, 0.3, 0.5, 0.99}) {
    const milliseconds settings = SecondRun(seconds(60), seconds(15), 0.7, chance);
    EXPECT_EQ((settings - sessions) % seconds(15), milliseconds(0)) << "at " << chance;
  }
}

TEST(ScheduleTest, ServersAreSpreadOverTheWholeInterval) {
  EXPECT_EQ(SecondRun(seconds(60), seconds(15), 0.5, 0), milliseconds(7'500));
  EXPECT_EQ(SecondRun(seconds(60), seconds(15), 0.5, 0.26), milliseconds(22'500));
  EXPECT_EQ(SecondRun(seconds(60), seconds(15), 1, 1), seconds(60));
  EXPECT_GT(SecondRun(milliseconds(1), milliseconds(1), 0, 0), milliseconds(0));
}

TEST(BackoffTest, DoublesUpToTheShortestInterval) {
  const auto after = [](int failures) { return Backoff({.failures = failures}, seconds(15), 1); };
  EXPECT_EQ(after(1), seconds(1));
  EXPECT_EQ(after(2), seconds(2));
  EXPECT_EQ(after(4), seconds(8));
  EXPECT_EQ(after(5), seconds(15));
  EXPECT_EQ(after(1'000'000), seconds(15));
}

TEST(BackoffTest, ByChanceHalfOfItAtLeast) {
  EXPECT_EQ(Backoff({.failures = 2}, seconds(15), 0), seconds(1));
  EXPECT_EQ(Backoff({.failures = 9}, milliseconds(100), 0.5), milliseconds(75));
}

TEST(BackoffTest, ASilentServerHasAMinute) {
  const auto after = [](int failures, milliseconds interval) {
    return Backoff({.failures = failures, .silent = true}, interval, 1);
  };
  EXPECT_EQ(after(1, seconds(15)), seconds(1));
  EXPECT_EQ(after(6, seconds(15)), seconds(32));
  EXPECT_EQ(after(7, seconds(15)), seconds(60));
  EXPECT_EQ(after(100, seconds(15)), seconds(60));
  EXPECT_EQ(after(9, std::chrono::minutes(3)), std::chrono::minutes(3));
}

TEST(BackoffTest, UnderOverloadFourIntervals) {
  const auto after = [](int failures, milliseconds interval, bool silent = false) {
    return Backoff({.failures = failures, .silent = silent, .overload = true}, interval, 1);
  };
  EXPECT_EQ(after(1, seconds(15)), seconds(1)) << "not sooner, and not later for the first time";
  EXPECT_EQ(after(5, seconds(10)), seconds(16));
  EXPECT_EQ(after(100, seconds(10)), seconds(40));
  EXPECT_EQ(after(100, seconds(10), true), seconds(60));
  EXPECT_EQ(after(100, seconds(20), true), seconds(80));
}

}  // namespace
}  // namespace pgtls::sampling
