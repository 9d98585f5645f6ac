#include "exporter/metrics/series_cap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string_view>
#include <tuple>

namespace pgtls::metrics {
namespace {

using testing::ElementsAre;
using testing::Pair;

struct Key {
  std::string_view name;
  std::string_view network;

  Key Folded() const { return {kOther, network}; }
  auto Fields() const { return std::tie(name, network); }
  friend auto operator<=>(const Key&, const Key&) = default;
};

Tally<Key> Of(std::initializer_list<std::tuple<std::string_view, std::string_view, int>> groups) {
  Tally<Key> tally;
  for (const auto& [name, network, count] : groups) {
    for (int i = 0; i < count; ++i) tally.Add({name, network});
  }
  return tally;
}

auto Series(std::string_view name, std::string_view network, std::size_t count) {
  return Pair(Key{name, network}, count);
}

TEST(SeriesCap, AtTheCapNothingIsFolded) {
  SeriesCap<Key> cap;
  const auto capped = cap.Apply(Of({{"a", "remote", 1}, {"b", "remote", 2}}), 2);
  EXPECT_THAT(capped.series, ElementsAre(Series("a", "remote", 1), Series("b", "remote", 2)));
  EXPECT_EQ(capped.folded, 0u);
}

TEST(SeriesCap, KeepsTheLargerThenTheFirstByKey) {
  SeriesCap<Key> cap;
  const auto capped =
      cap.Apply(Of({{"d", "remote", 1}, {"c", "remote", 3}, {"b", "remote", 2}, {"a", "remote", 2}}), 2);
  EXPECT_THAT(capped.series,
              ElementsAre(Series("__other__", "remote", 3), Series("a", "remote", 2), Series("c", "remote", 3)));
  EXPECT_EQ(capped.folded, 3u);
}

TEST(SeriesCap, FoldsEachNetworkIntoItsOwn) {
  SeriesCap<Key> cap;
  const auto capped =
      cap.Apply(Of({{"a", "remote", 9}, {"b", "remote", 2}, {"c", "loopback", 1}, {"d", "remote", 1}}), 1);
  EXPECT_THAT(capped.series, ElementsAre(Series("__other__", "loopback", 1), Series("__other__", "remote", 3),
                                         Series("a", "remote", 9)));
  EXPECT_EQ(capped.folded, 4u);
}

TEST(SeriesCap, WhoWasKeptStaysKept) {
  SeriesCap<Key> cap;
  cap.Apply(Of({{"x", "remote", 1}, {"y", "remote", 1}}), 2);
  const auto capped =
      cap.Apply(Of({{"a", "remote", 50}, {"b", "remote", 40}, {"x", "remote", 1}, {"y", "remote", 1}}), 2);
  EXPECT_THAT(capped.series,
              ElementsAre(Series("__other__", "remote", 90), Series("x", "remote", 1), Series("y", "remote", 1)));
}

TEST(SeriesCap, APlaceThatIsFreeGoesToTheLargest) {
  SeriesCap<Key> cap;
  cap.Apply(Of({{"x", "remote", 1}, {"y", "remote", 1}}), 2);
  const auto capped = cap.Apply(Of({{"a", "remote", 5}, {"b", "remote", 6}, {"y", "remote", 1}}), 2);
  EXPECT_THAT(capped.series,
              ElementsAre(Series("__other__", "remote", 5), Series("b", "remote", 6), Series("y", "remote", 1)));
}

TEST(SeriesCap, ALowerCapKeepsTheLargerOfTheKept) {
  SeriesCap<Key> cap;
  const Tally<Key> tally = Of({{"x", "remote", 1}, {"y", "remote", 2}, {"z", "remote", 3}});
  cap.Apply(tally, 3);
  EXPECT_THAT(cap.Apply(tally, 1).series, ElementsAre(Series("__other__", "remote", 3), Series("z", "remote", 3)));
}

TEST(SeriesCap, ARoleOfThatNameIsCountedWithTheFolded) {
  SeriesCap<Key> cap;
  const auto capped = cap.Apply(Of({{"__other__", "remote", 5}, {"a", "remote", 1}}), 1);
  EXPECT_THAT(capped.series, ElementsAre(Series("__other__", "remote", 6)));
  EXPECT_EQ(capped.folded, 1u);
}

TEST(SeriesCap, AZeroCapFoldsAll) {
  SeriesCap<Key> cap;
  const auto capped = cap.Apply(Of({{"a", "remote", 1}, {"b", "loopback", 1}}), 0);
  EXPECT_THAT(capped.series, ElementsAre(Series("__other__", "loopback", 1), Series("__other__", "remote", 1)));
  EXPECT_EQ(capped.folded, 2u);
}

}  // namespace
}  // namespace pgtls::metrics
