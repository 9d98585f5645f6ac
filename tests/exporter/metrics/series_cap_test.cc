#include "exporter/metrics/series_cap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgtls::metrics {
namespace {

using testing::ElementsAre;
using testing::Pair;

// Labels {name, network}.
Labels FoldName(const Labels& labels) { return {std::string(kOther), labels[1]}; }

Tally Of(std::initializer_list<std::tuple<std::string_view, std::string_view, int>> groups) {
  Tally tally;
  for (const auto& [name, network, count] : groups) {
    for (int i = 0; i < count; ++i) tally.Add({name, network});
  }
  return tally;
}

auto Series(const std::string& name, const std::string& network, std::size_t count) {
  return Pair(ElementsAre(name, network), count);
}

TEST(SeriesCap, AtTheCapNothingIsFolded) {
  SeriesCap cap;
  const auto capped = cap.Apply(Of({{"a", "remote", 1}, {"b", "remote", 2}}), 2, FoldName);
  EXPECT_THAT(capped.series, ElementsAre(Series("a", "remote", 1), Series("b", "remote", 2)));
  EXPECT_EQ(capped.folded, 0u);
}

TEST(SeriesCap, KeepsTheLargerThenTheFirstByLabel) {
  SeriesCap cap;
  const auto capped =
      cap.Apply(Of({{"d", "remote", 1}, {"c", "remote", 3}, {"b", "remote", 2}, {"a", "remote", 2}}), 2, FoldName);
  EXPECT_THAT(capped.series,
              ElementsAre(Series("__other__", "remote", 3), Series("a", "remote", 2), Series("c", "remote", 3)));
  EXPECT_EQ(capped.folded, 3u);
}

TEST(SeriesCap, FoldsEachNetworkIntoItsOwn) {
  SeriesCap cap;
  const auto capped =
      cap.Apply(Of({{"a", "remote", 9}, {"b", "remote", 2}, {"c", "loopback", 1}, {"d", "remote", 1}}), 1, FoldName);
  EXPECT_THAT(capped.series, ElementsAre(Series("__other__", "loopback", 1), Series("__other__", "remote", 3),
                                         Series("a", "remote", 9)));
  EXPECT_EQ(capped.folded, 4u);
}

TEST(SeriesCap, WhoWasKeptStaysKept) {
  SeriesCap cap;
  cap.Apply(Of({{"x", "remote", 1}, {"y", "remote", 1}}), 2, FoldName);
  const auto capped =
      cap.Apply(Of({{"a", "remote", 50}, {"b", "remote", 40}, {"x", "remote", 1}, {"y", "remote", 1}}), 2, FoldName);
  EXPECT_THAT(capped.series,
              ElementsAre(Series("__other__", "remote", 90), Series("x", "remote", 1), Series("y", "remote", 1)));
}

TEST(SeriesCap, APlaceThatIsFreeGoesToTheLargest) {
  SeriesCap cap;
  cap.Apply(Of({{"x", "remote", 1}, {"y", "remote", 1}}), 2, FoldName);
  const auto capped = cap.Apply(Of({{"a", "remote", 5}, {"b", "remote", 6}, {"y", "remote", 1}}), 2, FoldName);
  EXPECT_THAT(capped.series,
              ElementsAre(Series("__other__", "remote", 5), Series("b", "remote", 6), Series("y", "remote", 1)));
}

TEST(SeriesCap, ALowerCapKeepsTheLargerOfTheKept) {
  SeriesCap cap;
  const Tally tally = Of({{"x", "remote", 1}, {"y", "remote", 2}, {"z", "remote", 3}});
  cap.Apply(tally, 3, FoldName);
  EXPECT_THAT(cap.Apply(tally, 1, FoldName).series,
              ElementsAre(Series("__other__", "remote", 3), Series("z", "remote", 3)));
}

TEST(SeriesCap, ARoleOfThatNameIsCountedWithTheFolded) {
  SeriesCap cap;
  const auto capped = cap.Apply(Of({{"__other__", "remote", 5}, {"a", "remote", 1}}), 1, FoldName);
  EXPECT_THAT(capped.series, ElementsAre(Series("__other__", "remote", 6)));
  EXPECT_EQ(capped.folded, 1u);
}

TEST(SeriesCap, AZeroCapFoldsAll) {
  SeriesCap cap;
  const auto capped = cap.Apply(Of({{"a", "remote", 1}, {"b", "loopback", 1}}), 0, FoldName);
  EXPECT_THAT(capped.series, ElementsAre(Series("__other__", "loopback", 1), Series("__other__", "remote", 1)));
  EXPECT_EQ(capped.folded, 2u);
}

}  // namespace
}  // namespace pgtls::metrics
