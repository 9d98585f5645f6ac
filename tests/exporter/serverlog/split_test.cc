#include "exporter/serverlog/split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/exporter/serverlog/log_text.h"

namespace pgtls::serverlog {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::string kTime = "2026-11-27 20:53:32.454 UTC";

// Copies, so that the text may be a temporary.
struct Copied {
  std::vector<std::string> records;
  std::size_t end = 0;
  Inside inside = Inside::kNothing;
};
Copied SplitText(Format format, const std::string& text, Inside inside, bool at_end) {
  const Split split = SplitRecords(format, text, inside, at_end);
  return {{split.records.begin(), split.records.end()}, split.end, split.inside};
}

TEST(SplitRecords, JsonlogHasOneOnEachLine) {
  const Copied split = SplitText(Format::kJson, "{\"a\":\"\\n\"}\n{}\n{\"unfinished", Inside::kNothing, true);
  EXPECT_THAT(split.records, ElementsAre("{\"a\":\"\\n\"}\n", "{}\n"));
  EXPECT_EQ(split.end, 14);
  EXPECT_EQ(split.inside, Inside::kNothing);
}

TEST(SplitRecords, CsvlogMayHaveNewlinesInQuotes) {
  const std::string first = kTime + ",\"new\nline\",\"a\"\"\n\"\"b\"\n";
  const std::string second = kTime + ",,\n";
  const Copied split = SplitText(Format::kCsv, first + second + kTime + ",\"unfinished\n", Inside::kNothing, true);
  EXPECT_THAT(split.records, ElementsAre(first, second));
  EXPECT_EQ(split.end, first.size() + second.size());
}

TEST(SplitRecords, StderrHasContinuationLines) {
  const std::string first = "a LOG:  x\n\ty\na DETAIL:  z\n\tzz\na HINT:  h\na CONTEXT:  c\na STATEMENT:  s\n";
  const std::string second = "b FATAL:  x\n";
  const std::string other = "no record\n";
  const std::string text = first + second + other;
  EXPECT_THAT(SplitText(Format::kStderr, text, Inside::kNothing, true).records, ElementsAre(first, second, other));
  // What follows the last one may continue it.
  const Copied split = SplitText(Format::kStderr, text, Inside::kNothing, false);
  EXPECT_THAT(split.records, ElementsAre(first, second));
  EXPECT_EQ(split.end, first.size() + second.size());
}

TEST(SplitRecords, ASmallPieceLeavesAnUnfinishedRecord) {
  const Copied end = SplitText(Format::kJson, "{\"unfinished", Inside::kNothing, true);
  EXPECT_THAT(end.records, IsEmpty());
  EXPECT_EQ(end.end, 0);
  EXPECT_EQ(end.inside, Inside::kNothing);
  EXPECT_EQ(SplitText(Format::kJson, "", Inside::kNothing, true).end, 0);
}

TEST(SplitRecords, ARecordLargerThanAPieceIsLeftOut) {
  const Copied begin = SplitText(Format::kCsv, kTime + ",\"a\nb", Inside::kNothing, false);
  EXPECT_THAT(begin.records, IsEmpty());
  EXPECT_EQ(begin.end, kTime.size() + 5);
  EXPECT_EQ(begin.inside, Inside::kQuotes);
  const Copied middle = SplitText(Format::kCsv, "\n2026-11-27 20:53:32.454 UTC,\"\",\n\"\"", begin.inside, false);
  EXPECT_THAT(middle.records, IsEmpty());
  EXPECT_EQ(middle.inside, Inside::kQuotes);
  const Copied outside = SplitText(Format::kCsv, "\",", middle.inside, false);
  EXPECT_EQ(outside.inside, Inside::kRecord);
  const Copied end = SplitText(Format::kCsv, ",\"\n\"\n" + kTime + ",\n", outside.inside, false);
  EXPECT_THAT(end.records, ElementsAre(kTime + ",\n"));
  EXPECT_EQ(end.inside, Inside::kNothing);

  EXPECT_EQ(SplitText(Format::kJson, "{\"a", Inside::kNothing, false).inside, Inside::kRecord);
  EXPECT_THAT(SplitText(Format::kJson, "bc\"}\n{}\n", Inside::kRecord, true).records, ElementsAre("{}\n"));
}

// It may be a session's, before a long statement of the same client.
TEST(SplitRecords, ARecordBeforeOneThatIsLargerThanAPieceIsKept) {
  const std::string record = "a LOG:  connection authorized: user=bob database=shop\n";
  const std::string large = "a LOG:  statement: select '" + std::string(1000, 'x') + "'\n";
  const std::string next = "b LOG:  x\n";
  const std::string text = next + record + large + next;
  for (std::size_t size = 2 * record.size(); size < text.size(); ++size) {
    const std::vector<std::string> records = RecordsOfPieces(Format::kStderr, text, size);
    EXPECT_THAT(records, testing::Contains(record)) << size;
    EXPECT_EQ(records.back(), next) << size;
  }
  // With a query's text it is none.
  const std::string raised = record + "a STATEMENT:  do $$ raise log '" + std::string(1000, 'x') + "'\n" + next;
  EXPECT_THAT(RecordsOfPieces(Format::kStderr, raised, 200), ElementsAre(next));
}

// From the last byte of a file on: only what is written later.
TEST(SplitRecords, BeginsAfterTheRecordThatItBeginsIn) {
  EXPECT_THAT(SplitText(Format::kStderr, "\na LOG:  x\n", Inside::kRecord, true).records, ElementsAre("a LOG:  x\n"));
  EXPECT_THAT(SplitText(Format::kJson, "}\n{}\n", Inside::kRecord, true).records, ElementsAre("{}\n"));
  EXPECT_THAT(SplitText(Format::kCsv, "\n" + kTime + ",\n", Inside::kRecord, true).records, ElementsAre(kTime + ",\n"));
}

// copytruncate cuts a record, or the exporter begins to read in one: from there on, quotes would be inverted.
TEST(SplitRecords, CsvlogIsReadAgainAfterTextThatIsNoRecord) {
  const std::string whole = kTime + ",\"bob\",\"shop\",1,\"two\nlines\",LOG\n";
  for (const std::string& rest : {std::string("rest of a statement\",,,\n"), std::string("select\n1\",\"x\n"),
                                  std::string("\"\n"), std::string("\n"), std::string("\",\"\",\"\n")}) {
    const std::string text = rest + whole + whole;
    const Copied split = SplitText(Format::kCsv, text, Inside::kNothing, true);
    ASSERT_GE(split.records.size(), 3) << rest;
    EXPECT_EQ(split.records[split.records.size() - 1], whole) << rest;
    EXPECT_EQ(split.records[split.records.size() - 2], whole) << rest;
    // The exporter began within quotes, and takes the newline for a record's end.
    const Copied begun = SplitText(Format::kCsv, "\n" + text, Inside::kRecord, true);
    EXPECT_EQ(begun.records.back(), whole) << rest;
  }
}

}  // namespace
}  // namespace pgtls::serverlog
