#include "exporter/evidence/increase.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>

#include "tests/exporter/evidence/samples.h"

namespace pgtls::evidence {
namespace {

// The samples of one counter, and what Prometheus makes of them: the last one within its lookback, the highest in a
// window, or the highest at the steps of a window.
class Recorded : public Source {
 public:
  void Add(int second, double value, const std::string& database = "app") {
    series_[database].push_back({At(second), value});
  }

  std::vector<Series> Query(const std::string& expression, Time at) override {
    static const std::regex window(R"(\[(\d+)ms(:(\d+)ms)?\])");
    std::smatch found;
    const bool in_window = std::regex_search(expression, found, window);
    std::vector<Series> answer;
    for (const auto& [database, points] : series_) {
      std::optional<double> value;
      if (in_window && found[3].matched) {
        const Duration step(std::stoll(found[3]));
        for (Time t = at - at.time_since_epoch() % step; t >= at - Duration(std::stoll(found[1])); t -= step) {
          value = std::max(value, Last(points, t));
        }
      } else if (in_window) {
        value = Highest(points, {at - Duration(std::stoll(found[1])), at});
      } else {
        value = Last(points, at);
      }
      if (value) answer.push_back({{{"database", database}}, {{at, *value}}});
    }
    return answer;
  }

  std::vector<Series> QueryRange(const std::string& expression, TimeRange range, Duration step) override {
    std::map<Labels, Series> all;
    for (Time at = range.begin; at <= range.end; at += step) {
      for (const Series& one : Query(expression, at)) {
        all[one.labels].labels = one.labels;
        all[one.labels].points.push_back(one.points[0]);
      }
    }
    std::vector<Series> answer;
    for (const auto& [labels, series] : all) answer.push_back(series);
    return answer;
  }

 private:
  static std::optional<double> Highest(const std::vector<Point>& points, TimeRange range) {
    std::optional<double> highest;
    for (const Point& point : points) {
      if (point.time >= range.begin && point.time <= range.end)
        highest = std::max<std::optional<double>>(highest, point.value);
    }
    return highest;
  }
  static std::optional<double> Last(const std::vector<Point>& points, Time at) {
    std::optional<double> last;
    for (const Point& point : points) {
      if (point.time >= at - std::chrono::minutes(5) && point.time <= at) last = point.value;
    }
    return last;
  }

  std::map<std::string, std::vector<Point>> series_;
};

const TimeRange kWhole = Range(0, kPeriod);
const Queries kQueries("orders", {"pg_tls", "mon1:9743"});

// Its counters began at this second, and were scraped within a minute.
Run RunOf(int begin, int end, int start) {
  return {Range(begin, end), static_cast<double>(At(start).time_since_epoch().count()) / 1000,
          At(std::min(begin, std::max(start + 60, -3600)))};
}

double Grown(Recorded& source, const std::vector<Run>& runs) {
  double sum = 0;
  for (const Series& series : Increase(source, kQueries, "c", "database", runs, kWhole)) sum += series.points[0].value;
  return sum;
}

TEST(Increase, OfAnOldProcessIsWhatCameSinceTheBeginning) {
  Recorded source;
  for (int second = -600; second <= kPeriod; second += 60) source.Add(second, 5 + (second > 1000 ? 2 : 0));
  EXPECT_EQ(Grown(source, {RunOf(0, kPeriod, -5000)}), 2);
}

TEST(Increase, HasTheFirstValueOfANewSeries) {
  Recorded source;
  for (int second = -600; second <= kPeriod; second += 60) source.Add(second, 5);
  for (int second = 3000; second <= kPeriod; second += 60) source.Add(second, 1, "new");
  EXPECT_EQ(Grown(source, {RunOf(0, kPeriod, -5000)}), 1);
}

TEST(Increase, AddsUpProcesses) {
  Recorded source;
  for (int second = -600; second <= 3000; second += 60) source.Add(second, 5 + (second > 1000 ? 2 : 0));
  for (int second = 3060; second <= kPeriod; second += 60) source.Add(second, 3);
  EXPECT_EQ(Grown(source, {RunOf(0, 3000, -5000), RunOf(3060, kPeriod, 3050)}), 5);
}

// A value that is lower than before is no reset where the process is the same.
TEST(Increase, OfANewProcessWithMoreThanTheOldOneIsAll) {
  Recorded source;
  for (int second = -600; second <= 3000; second += 60) source.Add(second, 5);
  for (int second = 3060; second <= kPeriod; second += 60) source.Add(second, 9);
  EXPECT_EQ(Grown(source, {RunOf(0, 3000, -5000), RunOf(3060, kPeriod, 3050)}), 9);
}

// The collector failed at the end, or at the beginning.
TEST(Increase, IsKnownFromTheLastValue) {
  Recorded source;
  for (int second = -3000; second <= -1200; second += 60) source.Add(second, 5);
  for (int second = 600; second <= 3000; second += 60) source.Add(second, 8);
  EXPECT_EQ(Grown(source, {RunOf(0, kPeriod, -5000)}), 3);
}

// What was counted before Prometheus knew the process may have been before the period.
TEST(Increase, BeforeTheFirstSampleIsNotKnown) {
  Recorded source;
  for (int second = 600; second <= kPeriod; second += 60) source.Add(second, 8 + (second > 3000 ? 1 : 0));
  EXPECT_EQ(Grown(source, {RunOf(600, kPeriod, -5000)}), 1);
  EXPECT_EQ(Grown(source, {RunOf(600, kPeriod, 500)}), 9);
}

std::uint64_t Missed(Recorded& source, const std::vector<Run>& runs, TimeRange period = kWhole,
                     const std::vector<Time>& losses = {}) {
  return MissedSessions(source, kQueries, runs, losses, period, std::chrono::seconds(14));
}

TEST(Missed, IsNothingWhereTheServerIsLate) {
  Recorded source;
  for (int second = -6000; second <= kPeriod; second += 60) source.Add(second, second % 120 == 0 ? 0 : -3);
  EXPECT_EQ(Missed(source, {RunOf(0, kPeriod, -9000)}), 0u);
}

TEST(Missed, AreThoseOfThePeriod) {
  Recorded source;
  for (int second = -6000; second <= kPeriod; second += 60)
    source.Add(second, second < -100 ? 4 : second < 5000 ? 5 : 7);
  EXPECT_EQ(Missed(source, {RunOf(0, kPeriod, -9000)}), 2u);
}

TEST(Missed, InOneDatabaseAreNotMadeUpForInAnother) {
  Recorded source;
  for (int second = 0; second <= kPeriod; second += 60) {
    source.Add(second, second < 4000 ? 0 : 2);
    source.Add(second, second < 4000 ? 0 : -5, "other");
  }
  EXPECT_EQ(Missed(source, {RunOf(0, kPeriod, 0)}), 2u);
}

// A reset of the server's statistics costs it sessions that samples have: the next ones that are missed count.
TEST(Missed, AreNotHiddenByALoss) {
  Recorded source;
  const TimeRange period = Range(0, 4 * 3600);
  for (int second = 0; second <= 4 * 3600; second += 60)
    source.Add(second, second < 3600 ? 0 : second < 3 * 3600 ? -10 : -7);
  EXPECT_EQ(Missed(source, {RunOf(0, 4 * 3600, 0)}, period), 3u);
}

// Samples have five sessions that a reset took away from the server's count. Then three are missed.
TEST(Missed, AreNotHiddenByALossInTheSameHour) {
  for (const int loss : {600, 4020}) {
    Recorded source;
    for (int second = -6000; second <= kPeriod; second += 60) {
      source.Add(second, second < loss ? 7 : second < loss + 600 ? 2 : 5);
      source.Add(second, 1, "other");
    }
    EXPECT_EQ(Missed(source, {RunOf(0, kPeriod, -9000)}, kWhole, {At(loss)}), 3u) << loss;
    EXPECT_EQ(Missed(source, {RunOf(0, kPeriod, 0)}, kWhole, {At(loss)}), 3u + 7 + 1) << loss;
    EXPECT_EQ(Missed(source, {RunOf(0, loss, -9000), RunOf(loss + 60, kPeriod, loss + 50)}, kWhole, {At(loss)}), 5u + 1)
        << loss;
  }
}

TEST(Missed, AreNotHiddenByALossBeforeThePeriod) {
  Recorded source;
  for (int second = -6000; second <= kPeriod; second += 60)
    source.Add(second, second < -1800 ? 7 : second < 600 ? (second % 120 == 0 ? 2 : -9) : 5);
  EXPECT_EQ(Missed(source, {RunOf(0, kPeriod, -9000)}, kWhole, {At(-9500), At(-1800)}), 3u);
  // Several, the last one between two samples right before it.
  EXPECT_EQ(Missed(source, {RunOf(0, kPeriod, -9000)}, kWhole, {At(-1800), At(-700), At(0)}), 3u);
}

// More than the loss took away.
TEST(Missed, AreCountedOnceAfterALoss) {
  Recorded source;
  for (int second = -6000; second <= kPeriod; second += 60)
    source.Add(second, second < 600 ? 7 : second < 1200 ? 2 : 12);
  EXPECT_EQ(Missed(source, {RunOf(0, kPeriod, -9000)}, kWhole, {At(600)}), 10u);
}

TEST(Missed, AreNotHiddenByThoseOfTheRunBefore) {
  Recorded source;
  for (int second = -6000; second < -1000; second += 60) source.Add(second, 7);
  for (int second = -960; second <= kPeriod; second += 60) source.Add(second, second < 600 ? 2 : 5);
  EXPECT_EQ(Missed(source, {RunOf(0, kPeriod, -1000)}, kWhole, {At(-1800)}), 3u);
}

// A restart right before the period.
TEST(Missed, IsNothingWhereAServerIsLateAtTheBegin) {
  Recorded source;
  for (int second = -120; second <= kPeriod; second += 60)
    source.Add(second, second % 120 == 0 && second != 0 ? 0 : -3);
  EXPECT_EQ(Missed(source, {RunOf(0, kPeriod, -180)}), 0u);
}

TEST(Missed, OfTwoRunsAndALossInTheSecond) {
  Recorded source;
  for (int second = 0; second <= kPeriod; second += 60) {
    const double first = second < 600 ? 0 : 2;
    const double later = second < 4020 ? 0 : second < 5000 ? -3 : 1;
    source.Add(second, second < 3060 ? first : later);
  }
  EXPECT_EQ(Missed(source, {RunOf(0, 3000, -10), RunOf(3060, kPeriod, 3050)}, kWhole, {At(4020)}), 2u + 4u);
}

// Its first sample has sessions that the loss took away from the server's count.
TEST(Missed, AreNotHiddenByALossBeforeTheFirstSample) {
  Recorded source;
  for (int second = 3060; second <= kPeriod; second += 60) source.Add(second, second < 5000 ? -5 : -1);
  EXPECT_EQ(Missed(source, {RunOf(3060, kPeriod, 3050)}, kWhole, {At(3060)}), 4u);
}

TEST(Missed, AreCountedWhereMoreWasLostThanCanBeFollowed) {
  Recorded source;
  std::vector<Time> losses;
  for (int second = 0; second <= kPeriod; second += 60) {
    source.Add(second, second < 7000 ? 0 : 1);
    losses.push_back(At(second));
  }
  EXPECT_EQ(Missed(source, {RunOf(0, kPeriod, -9000)}, kWhole, losses), 1u);
}

TEST(Missed, OfAShortProcessCountFromNothing) {
  Recorded source;
  for (int second = 3000; second <= 3600; second += 60) source.Add(second, 6);
  EXPECT_EQ(Missed(source, {RunOf(3000, 3600, 2990)}), 6u);
}

// The steps of a window end before its last sample, or on it.
TEST(Missed, AreAlsoThoseOfTheLastSample) {
  for (const int begin : {3000, -1000}) {  // for less than an hour, and for more
    for (int end = 3600; end < 3600 + 14; ++end) {
      Recorded source;
      source.Add(begin, 0);
      source.Add(end, 2);
      EXPECT_EQ(Missed(source, {RunOf(begin, end, begin - 10)}), 2u) << begin << " " << end;
    }
  }
}

}  // namespace
}  // namespace pgtls::evidence
