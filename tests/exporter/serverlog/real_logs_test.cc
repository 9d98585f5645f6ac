// The logs of real servers, in testdata/: the same connections to each version of PostgreSQL.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "exporter/serverlog/record.h"
#include "tests/exporter/serverlog/log_text.h"
#include "tests/support/files.h"
#include "tests/support/golden.h"

namespace pgtls::serverlog {
namespace {

using support::MatchesGolden;
using testing::Contains;

constexpr std::string_view kDebian = "%m [%p] %q%u@%d ";

std::string Path(const std::string& name) { return "tests/exporter/serverlog/testdata/" + name; }
std::string Content(const std::string& name) { return support::ReadFile(Path(name)); }

class RealLog : public testing::TestWithParam<int> {
 protected:
  static std::string Name() { return "pg" + std::to_string(GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(, RealLog, testing::Range(14, 20), testing::PrintToStringParamName());
class RealJsonLog : public RealLog {};
INSTANTIATE_TEST_SUITE_P(, RealJsonLog, testing::Range(15, 20), testing::PrintToStringParamName());

using Named = std::pair<Format, std::string>;
std::vector<Named> LogsOf(int major) {
  std::vector<Named> logs = {{Format::kCsv, ".csv"}, {Format::kStderr, ".log"}};
  if (major >= 15) logs.emplace_back(Format::kJson, ".json");
  return logs;
}

TEST_P(RealLog, CsvlogIsRead) {
  const ReadLog log = ReadWhole(Format::kCsv, Content(Name() + ".csv"));
  EXPECT_TRUE(MatchesGolden(Path(Name() + ".events"), Shown(log)));
}

TEST_P(RealJsonLog, HasTheSame) {
  EXPECT_EQ(Shown(ReadWhole(Format::kJson, Content(Name() + ".json"))),
            Shown(ReadWhole(Format::kCsv, Content(Name() + ".csv"))));
}

TEST_P(RealLog, StderrIsRead) {
  const ReadLog log = ReadWhole(Format::kStderr, Content(Name() + ".log"), kDebian);
  EXPECT_TRUE(MatchesGolden(Path(Name() + ".log.events"), Shown(log)));
}

// In pieces that hold the largest record and the beginning of the next one.
TEST_P(RealLog, PiecesHaveTheSameRecordsAsTheWhole) {
  for (const auto& [format, ending] : LogsOf(GetParam())) {
    const std::string text = Content(Name() + ending);
    const std::vector<std::string> whole = RecordsOfPieces(format, text, text.size());
    std::size_t largest = 0;
    for (const std::string& record : whole) largest = std::max(largest, record.size());
    std::size_t bytes = 0;
    for (const std::string& record : whole) bytes += record.size();
    EXPECT_EQ(bytes, text.size());
    for (std::size_t size = 2 * largest; size < 2 * largest + 300; ++size)
      ASSERT_EQ(RecordsOfPieces(format, text, size), whole) << ending << " " << size;
  }
}

// In smaller ones, records are left out, but none is made up.
TEST_P(RealLog, SmallPiecesHaveNoOtherRecords) {
  for (const auto& [format, ending] : LogsOf(GetParam())) {
    if (format == Format::kStderr) continue;  // what a line that is cut off belongs to is not known
    const std::string text = Content(Name() + ending);
    const std::vector<std::string> whole = RecordsOfPieces(format, text, text.size());
    for (std::size_t size = 1; size < 700; size += size < 100 ? 1 : 37) {
      for (const std::string& record : RecordsOfPieces(format, text, size)) ASSERT_THAT(whole, Contains(record));
    }
  }
}

struct PrefixCase {
  std::string name;
  std::string prefix;
};

class RealPrefix : public testing::TestWithParam<PrefixCase> {};
INSTANTIATE_TEST_SUITE_P(, RealPrefix,
                         testing::Values(PrefixCase{"t", "%t:%r:%u@%d:[%p]: "}, PrefixCase{"c", "%c "},
                                         PrefixCase{"n", "%n %p "}, PrefixCase{"pad", "%-10u|%10d|%5p|%%|%h "},
                                         PrefixCase{"empty", ""},
                                         PrefixCase{"badger", "%m [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h "},
                                         PrefixCase{"space", "%m [%p] %u %d %h "}),
                         [](const auto& info) { return info.param.name; });

TEST_P(RealPrefix, IsRead) {
  const ReadLog log = ReadWhole(Format::kStderr, Content("prefix_" + GetParam().name + ".log"), GetParam().prefix);
  EXPECT_TRUE(MatchesGolden(Path("prefix_" + GetParam().name + ".events"), Shown(log)));
}

// log_error_verbosity = verbose has SQLSTATEs and LOCATION lines; log_min_messages = debug2 has lines of other
// severities.
TEST(RealVerbosity, ChangesNothing) {
  EXPECT_TRUE(
      MatchesGolden(Path("verbose.events"), Shown(ReadWhole(Format::kStderr, Content("verbose.log"), kDebian))));
  EXPECT_EQ(Shown(ReadWhole(Format::kStderr, Content("verbose.log"), kDebian)),
            Shown(ReadWhole(Format::kStderr, Content("debug.log"), kDebian)));
}

}  // namespace
}  // namespace pgtls::serverlog
