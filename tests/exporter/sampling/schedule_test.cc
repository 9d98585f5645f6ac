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

}  // namespace
}  // namespace pgtls::sampling
