#include "exporter/evidence/observation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/evidence/time_range.h"

namespace pgtls::evidence {

void PrintTo(const TimeRange& range, std::ostream* out) {
  *out << range.begin.time_since_epoch().count() << " to " << range.end.time_since_epoch().count();
}

namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr Duration kStep = seconds(14);

Time At(int second) { return Time(seconds(second)); }
TimeRange Range(int begin, int end) { return {At(begin), At(end)}; }

constexpr seconds kAge{2};  // of a collection, when it is scraped

// What a range query answers about these scrapes of one run: at each step the latest good sample, while it is young
// enough and no scrape after it failed.
std::vector<GoodSample> Steps(const std::vector<int>& good, const std::vector<int>& bad, TimeRange range,
                              double since = 1) {
  std::vector<GoodSample> samples;
  for (Time step = range.begin; step <= range.end; step += kStep) {
    const auto latest = [&](const std::vector<int>& scrapes) {
      int found = -1000;
      for (const int scrape : scrapes) found = At(scrape) <= step ? std::max(found, scrape) : found;
      return found;
    };
    const int sample = latest(good);
    if (sample > latest(bad) && step - At(sample) <= std::chrono::minutes(5))
      samples.push_back({step, At(sample), At(sample) - kAge, since});
  }
  return samples;
}

std::vector<int> Every(int interval, int begin, int end) {
  std::vector<int> times;
  for (int time = begin; time <= end; time += interval) times.push_back(time);
  return times;
}

std::vector<int> Without(std::vector<int> times, int begin, int end) {
  std::erase_if(times, [&](int time) { return time >= begin && time <= end; });
  return times;
}

TEST(TimeRanges, AUnionMergesWhatTouches) {
  EXPECT_THAT(Union({Range(5, 7), Range(1, 3), Range(3, 4), Range(6, 9), Range(2, 2)}),
              ElementsAre(Range(1, 4), Range(5, 9)));
  EXPECT_THAT(Union({}), IsEmpty());
}

TEST(TimeRanges, AComplementHasTheEndsToo) {
  EXPECT_THAT(Complement({Range(2, 4), Range(6, 20)}, Range(0, 10)), ElementsAre(Range(0, 2), Range(4, 6)));
  EXPECT_THAT(Complement({}, Range(0, 10)), ElementsAre(Range(0, 10)));
  EXPECT_THAT(Complement({Range(0, 10)}, Range(0, 10)), IsEmpty());
  EXPECT_THAT(Complement({Range(-5, 3)}, Range(0, 10)), ElementsAre(Range(3, 10)));
}

TEST(TimeRanges, CoveringIsHavingAll) {
  EXPECT_TRUE(Covers({Range(0, 10)}, {Range(1, 2), Range(9, 10)}));
  EXPECT_FALSE(Covers({Range(0, 10)}, {Range(9, 11)}));
  EXPECT_FALSE(Covers({}, {Range(9, 11)}));
  EXPECT_EQ(Length({Range(0, 10), Range(20, 21)}), seconds(11));
}

TEST(Observed, GoodSamplesWithoutAGapAreTheWholeTime) {
  const auto samples = Steps(Every(15, -3, 597), {}, Range(0, 600));
  EXPECT_THAT(Observed(samples, kStep, Range(0, 570)), ElementsAre(Range(0, 570)));
}

// Nothing is known of what came after the last collection, and not all of the ten seconds before it.
TEST(Observed, EndsBeforeTheLastCollection) {
  auto samples = Steps(Every(15, -3, 597), {}, Range(0, 600));
  EXPECT_THAT(Observed(samples, kStep, Range(0, 600)), ElementsAre(Range(0, 570)));
  for (GoodSample& sample : samples) sample.collected = sample.sample - seconds(40);
  EXPECT_THAT(Observed(samples, kStep, Range(0, 600)), ElementsAre(Range(0, 532)));
}

// A collector may have an interval of many scrapes.
TEST(Observed, ACollectionOfManyScrapesGoesOn) {
  auto samples = Steps(Every(15, 0, 600), {}, Range(0, 600));
  for (GoodSample& sample : samples) sample.collected = At(sample.sample < At(200) ? -20 : 180);
  EXPECT_THAT(Observed(samples, kStep, Range(0, 600)), ElementsAre(Range(0, 170)));
}

TEST(Observed, BeforeTheFirstSampleNothingIs) {
  const auto samples = Steps(Every(15, 303, 597), {}, Range(0, 600));
  EXPECT_THAT(Observed(samples, kStep, Range(0, 600)), ElementsAre(Range(301, 576)));
}

// Prometheus was down: the sample before stands for the next five minutes, at the same time.
TEST(Observed, ASampleProvesNothingOfTheLookback) {
  const auto samples = Steps(Without(Every(15, 0, 600), 200, 400), {}, Range(0, 600));
  EXPECT_THAT(Observed(samples, kStep, Range(0, 600)), ElementsAre(Range(0, 183), Range(403, 573)));
}

TEST(Observed, OneMissingSampleIsAGap) {
  const auto samples = Steps(Without(Every(15, 0, 600), 300, 300), {}, Range(0, 600));
  EXPECT_THAT(Observed(samples, kStep, Range(0, 600)), ElementsAre(Range(0, 273), Range(313, 573)));
}

TEST(Observed, OneBadSampleIsAGap) {
  const auto samples = Steps(Without(Every(15, 0, 600), 300, 300), {300}, Range(0, 600));
  EXPECT_THAT(Observed(samples, kStep, Range(0, 600)), ElementsAre(Range(0, 273), Range(313, 573)));
}

// Half of the samples are bad: the distance of good ones looks like a scrape interval of 30 seconds.
TEST(Observed, GoodAndBadInTurnIsNothing) {
  const auto samples = Steps(Every(30, 0, 600), Every(30, 15, 600), Range(0, 590));
  EXPECT_THAT(Observed(samples, kStep, Range(0, 590)), IsEmpty());
}

TEST(Observed, ALastSampleThatIsOldIsNoProof) {
  const auto samples = Steps(Every(15, 0, 450), {}, Range(0, 600));
  EXPECT_THAT(Observed(samples, kStep, Range(0, 600)), ElementsAre(Range(0, 438)));
}

TEST(Observed, ARestartIsAGap) {
  auto samples = Steps(Every(15, 0, 300), {}, Range(0, 308), 1);
  const auto after = Steps(Every(15, 315, 600), {}, Range(322, 600), 310);
  samples.insert(samples.end(), after.begin(), after.end());
  EXPECT_THAT(Observed(samples, kStep, Range(0, 600)), ElementsAre(Range(0, 288), Range(313, 573)));
}

TEST(Observed, ALossIsAGapUpToTheNextCollection) {
  auto samples = Steps(Every(15, 0, 600), {}, Range(0, 600));
  for (GoodSample& sample : samples) sample.losses = sample.sample >= At(300) ? 5 : 4;
  EXPECT_THAT(Observed(samples, kStep, Range(0, 600)), ElementsAre(Range(0, 273), Range(298, 573)));
}

// Three scrapes for each collection.
TEST(Observed, ACollectionMayBeOlderThanAScrape) {
  std::vector<GoodSample> samples;
  for (int second = 0; second <= 600; second += 5) {
    const int collected = second / 15 * 15;
    samples.push_back({At(second), At(second), At(collected), 1, collected >= 300 ? 1.0 : 0.0});
  }
  EXPECT_THAT(Observed(samples, seconds(5), Range(0, 600)), ElementsAre(Range(0, 275), Range(300, 590)));
}

TEST(Observed, AnotherScrapeIntervalIsNoGap) {
  auto times = Every(60, 0, 3000);
  const auto faster = Every(15, 3060, 3600);
  times.insert(times.end(), faster.begin(), faster.end());
  EXPECT_THAT(Observed(Steps(times, {}, Range(0, 3600)), kStep, Range(0, 3600)), ElementsAre(Range(0, 3573)));
}

TEST(Observed, OneSampleIsNoTime) {
  EXPECT_THAT(Observed(Steps({100}, {}, Range(0, 600)), kStep, Range(0, 600)), IsEmpty());
  EXPECT_THAT(Observed({}, kStep, Range(0, 600)), IsEmpty());
}

TEST(Observed, TheUsualDistanceIsTheScrapeInterval) {
  EXPECT_EQ(UsualDistance(Steps(Without(Every(15, 0, 600), 200, 400), {}, Range(0, 600))), seconds(15));
  EXPECT_EQ(UsualDistance(Steps({100}, {}, Range(0, 600))), seconds(0));
}

TEST(Runs, AreWhatBeganAtZeroTogether) {
  const auto runs = RunsOf({{At(0), 5}, {At(15), 5}, {At(30), 25}, {At(45), 25}, {At(300), 25}});
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].range, Range(0, 15));
  EXPECT_EQ(runs[0].since, 5);
  EXPECT_EQ(runs[1].range, Range(30, 300));
  EXPECT_THAT(RunsOf({}), IsEmpty());
}

}  // namespace
}  // namespace pgtls::evidence
