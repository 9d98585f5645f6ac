#include "exporter/serverlog/counters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <compare>

namespace pgtls::serverlog {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::Pair;

struct Key {
  int name;
  int kind;
  Key Folded() const { return {-1, kind}; }
  friend auto operator<=>(const Key&, const Key&) = default;
};

const SteadyTime kStart{1000h};
constexpr auto kWeek = 7 * 24h;

std::map<Key, std::size_t> Current(const Counters<Key>& counters) {
  std::map<Key, std::size_t> current;
  for (const auto& [key, counter] : counters.counters()) current[key] = counter.count;
  return current;
}

TEST(Counters, FoldWhatExceedsTheLimit) {
  Counters<Key> counters;
  for (int round = 0; round < 2; ++round) {
    for (int name = 1; name <= 4; ++name) counters.Add({name, name % 2}, kStart, 2);
  }
  EXPECT_THAT(Current(counters),
              ElementsAre(Pair(Key{-1, 0}, 2), Pair(Key{-1, 1}, 2), Pair(Key{1, 1}, 2), Pair(Key{2, 0}, 2)));
  EXPECT_EQ(counters.folded(), 4);
}

TEST(Counters, ANewKeyTakesThePlaceOfOneThatIsIdleForAWeek) {
  Counters<Key> counters;
  counters.Add({1, 0}, kStart, 2);
  counters.Add({2, 0}, kStart + 1h, 2);
  counters.Add({3, 0}, kStart + kWeek - 1s, 2);
  EXPECT_EQ(counters.folded(), 1);
  counters.Add({3, 0}, kStart + kWeek, 2);
  EXPECT_THAT(Current(counters), ElementsAre(Pair(Key{-1, 0}, 1), Pair(Key{2, 0}, 1), Pair(Key{3, 0}, 1)));
  // A folded counter is never dropped.
  counters.Add({4, 0}, kStart + 10 * kWeek, 2);
  counters.Add({5, 0}, kStart + 10 * kWeek, 2);
  counters.Add({6, 0}, kStart + 10 * kWeek, 2);
  EXPECT_THAT(Current(counters), ElementsAre(Pair(Key{-1, 0}, 2), Pair(Key{4, 0}, 1), Pair(Key{5, 0}, 1)));
}

TEST(Counters, WithoutAnySeriesAllAreFolded) {
  Counters<Key> counters;
  counters.Add({1, 0}, kStart, 0);
  EXPECT_THAT(Current(counters), ElementsAre(Pair(Key{-1, 0}, 1)));
}

TEST(WindowCounts, ForgetWhatIsOlderThanTheWindow) {
  WindowCounts<Key> counts;
  counts.Add({1, 0}, kStart, kStart, 1h, 10);
  counts.Add({1, 0}, kStart + 30min, kStart + 30min, 1h, 10);
  EXPECT_THAT(counts.Current(kStart + 58min, 1h), ElementsAre(Pair(Key{1, 0}, 2)));
  EXPECT_THAT(counts.Current(kStart + 61min, 1h), ElementsAre(Pair(Key{1, 0}, 1)));
  EXPECT_THAT(counts.Current(kStart + 91min, 1h), ElementsAre());
  counts.Add({1, 0}, kStart + 92min, kStart + 92min, 1h, 10);
  EXPECT_THAT(counts.Current(kStart + 92min, 1h), ElementsAre(Pair(Key{1, 0}, 1)));
  EXPECT_THAT(counts.Current(kStart + 1000h, 1h), ElementsAre());
}

TEST(WindowCounts, CountEachOnceAtEveryMoment) {
  WindowCounts<Key> counts;
  for (int second = 0; second < 7200; ++second) {
    const SteadyTime now = kStart + std::chrono::seconds(second);
    counts.Add({1, 0}, now, now, 1h, 10);
    const std::size_t current = counts.Current(now, 1h).at({1, 0});
    const auto all = static_cast<std::size_t>(second + 1);
    ASSERT_LE(current, std::min<std::size_t>(all, 3600));
    ASSERT_GE(current, std::min<std::size_t>(all, 3540));
  }
}

TEST(WindowCounts, FoldWhatExceedsTheLimit) {
  WindowCounts<Key> counts;
  for (int name = 1; name <= 4; ++name) counts.Add({name, 0}, kStart, kStart, 1h, 2);
  EXPECT_THAT(counts.Current(kStart, 1h), ElementsAre(Pair(Key{-1, 0}, 2), Pair(Key{1, 0}, 1), Pair(Key{2, 0}, 1)));
  // Places that the window frees are taken again.
  counts.Add({5, 0}, kStart + 2h, kStart + 2h, 1h, 2);
  EXPECT_THAT(counts.Current(kStart + 2h, 1h), ElementsAre(Pair(Key{5, 0}, 1)));
}

// As long as the new window.
TEST(WindowCounts, KeepWhatTheyHaveWithAnotherWindow) {
  WindowCounts<Key> counts;
  counts.Add({1, 0}, kStart, kStart, 1h, 10);
  EXPECT_THAT(counts.Current(kStart, 2h), ElementsAre(Pair(Key{1, 0}, 1)));
  EXPECT_THAT(counts.Current(kStart + 118min, 2h), ElementsAre(Pair(Key{1, 0}, 1)));
  EXPECT_THAT(counts.Current(kStart + 122min, 2h), ElementsAre());
}

// A log that is read late.
TEST(WindowCounts, CountWhatHappenedInTheWindow) {
  WindowCounts<Key> counts;
  counts.Add({1, 0}, kStart - 30min, kStart, 1h, 10);
  counts.Add({2, 0}, kStart - 60min, kStart, 1h, 10);
  EXPECT_THAT(counts.Current(kStart, 1h), ElementsAre(Pair(Key{1, 0}, 1)));
  EXPECT_THAT(counts.Current(kStart + 28min, 1h), ElementsAre(Pair(Key{1, 0}, 1)));
  EXPECT_THAT(counts.Current(kStart + 31min, 1h), ElementsAre());
}

}  // namespace
}  // namespace pgtls::serverlog
