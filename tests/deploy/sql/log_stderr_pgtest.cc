// log_records() on the stderr format, which has no quotes: what a line is, and which lines belong to a record.
#include "tests/deploy/sql/log_records.h"
#include "tests/support/raw_client.h"

namespace pgtls {
namespace {

using support::Client;
using support::RawClient;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kPrefix = "2026-01-01 00:00:00.000 UTC [1] ";

// A line of the log.
std::string Line(const std::string& text) { return kPrefix + text + "\n"; }

const std::string kTime = Line("LOG:  ");

class LogStderrTest : public testing::Test {
 protected:
  LogPiece Read(const std::string& content, const LogPosition& position = {}, int size = 16 << 20) {
    log_.Write("x.log", content);
    return log_.Read(exporter_, "x.log", position, size);
  }

  LogServer log_{{.settings = {"log_line_prefix = '%m [%p] '"}}};
  Client exporter_{log_.Conninfo()};
};

TEST_F(LogStderrTest, FurtherLinesBelongToTheRecord) {
  const std::string record = Line("LOG:  could not accept SSL connection: x") + "\ty\n" + Line("DETAIL:  d") + "\te\n" +
                             Line("HINT:  h") + "\ti\n";
  const LogPiece piece = Read(record + Line("LOCATION:  f, f.c:1") + Line("BACKTRACE:  b") + "\tb\n" + Line("LOG:  x") +
                              Line("DETAIL:  no"));
  EXPECT_EQ(piece.records, record + kTime);
  EXPECT_EQ(piece.ambiguous, 0);
}

TEST_F(LogStderrTest, ARecordWithAContextIsCut) {
  for (const std::string& part : std::vector<std::string>{"CONTEXT", "QUERY", "STATEMENT"}) {
    const LogPiece piece = Read(Line("LOG:  connection authorized: user=secret") + "\tsecret\n" +
                                Line("DETAIL:  secret") + Line(part + ":  secret") + "\tsecret\n" + Line("LOG:  x"));
    EXPECT_EQ(piece.records, Line("LOG:  connection authorized: ") + Line(part + ":  ") + kTime);
  }
}

TEST_F(LogStderrTest, TheSqlstateOfVerboseLogsIsNotTheMessage) {
  const std::string records =
      Line("LOG:  00000: connection authorized: user=a") + Line("FATAL:  28000: no pg_hba.conf entry for x");
  EXPECT_EQ(Read(records).records, records + kTime);
}

TEST_F(LogStderrTest, TheSeverityAndTheFirstWordsDecide) {
  for (const char* text :
       {"LOG:  connection receiveD: x", "LOG:  connection received:", "LOG: connection received: x",
        "LOG:   connection received: x", "ERROR:  connection received: x", "FATAL:  connection received: x",
        "LOG:  no pg_hba.conf entry for x", "LOG:  disconnection: x", "LOG:  x connection received: x", "FATAL:  x",
        "DETAIL:  connection received: x"}) {
    const LogPiece piece = Read(Line(text));
    EXPECT_EQ(piece.records,
              std::string(text).starts_with("DETAIL") || std::string(text).starts_with("LOG: c") ? "" : kTime)
        << text;
    EXPECT_EQ(piece.ambiguous, 0) << text;
  }
}

// A role or database named so, where log_line_prefix has names, or a query.
TEST_F(LogStderrTest, WhatComesAfterAnotherLabelIsAmbiguous) {
  for (const char* text :
       {"LOG:  statement: x LOG:  connection authorized: user=a", "ERROR:  x FATAL:  no pg_hba.conf entry for x",
        "STATEMENT:  x LOG:  connection received: x", "DEBUG1:  LOG:  connection received: x",
        "DEBUG:  LOG:  00000: replication connection authorized: x"}) {
    const LogPiece piece = Read(Line(text));
    EXPECT_THAT(piece.records, Not(HasSubstr("connection"))) << text;
    EXPECT_EQ(piece.ambiguous, 1) << text;
  }
  // In a further line only a name with a tab or newline could be the reason, and the prefix has none here.
  EXPECT_EQ(Read(Line("LOG:  statement: x") + "\tLOG:  connection authorized: user=a\n").ambiguous, 0);
}

TEST_F(LogStderrTest, LinesWithoutALabelBelongToNoRecord) {
  const std::string record = Line("LOG:  connection received: a");
  EXPECT_EQ(Read("cp: no such file\n" + record + "cp: no such file\n\tx\n\n" + record + "x\n").records,
            record + record + kTime);
  // A name with a newline may be in the prefix of the mark, too.
  EXPECT_EQ(Read(Line("LOG:  connection received: a") + "u\nv CONTEXT:  x\n").records,
            Line("LOG:  connection received: ") + "v CONTEXT:  \n" + kTime);
}

TEST_F(LogStderrTest, APieceEndsBeforeARecordThatMayGoOn) {
  const std::string filler = Line("LOG:  " + std::string(1000, 'x'));
  const std::string record = Line("LOG:  connection received: a");
  // The rest of the record is beyond the first piece.
  const std::string content = Line("LOG:  " + std::string(900, 'x')) + record + Line("CONTEXT:  x") + filler;
  const LogPiece first = Read(content, {}, 1024);
  EXPECT_EQ(first.records, kTime);
  EXPECT_FALSE(first.at_end);
  EXPECT_EQ(first.next, content.find(record));
  const LogPiece second = Read(content, {.start = first.next, .mark = first.next_mark}, 1024);
  EXPECT_THAT(second.records, HasSubstr("CONTEXT:  \n"));
  EXPECT_EQ(second.next, content.size() - filler.size());
}

TEST_F(LogStderrTest, ALineThatIsNotWholeWaits) {
  const std::string record = Line("LOG:  connection received: a");
  LogPiece piece = Read(record + kPrefix + "LOG:  connection auth");
  EXPECT_EQ(piece.records, record + kTime);
  EXPECT_EQ(piece.next, record.size());
  EXPECT_TRUE(piece.at_end);
  piece = Read(record + Line("LOG:  connection authorized: b"), {.start = piece.next, .mark = piece.next_mark});
  EXPECT_EQ(piece.records, Line("LOG:  connection authorized: b") + kTime);
}

// What follows a record that is larger than a piece is found, wherever the pieces end.
TEST_F(LogStderrTest, TheRecordAfterASkippedOneIsFound) {
  const std::string record = Line("LOG:  connection received: a");
  for (std::size_t length = 1800; length < 2200; length += 7) {
    for (const std::string& tail : {std::string(), Line("STATEMENT:  x"), Line("DETAIL:  " + std::string(1500, 'x')),
                                    std::string("\t" + std::string(30, 'y') + "\n")}) {
      log_.Write("x.log", record + Line("LOG:  " + std::string(length, 'x')) + tail + record);
      const LogPiece all = log_.ReadAll(exporter_, "x.log", 1024);
      ASSERT_EQ(all.records, record + record) << length << tail;
      ASSERT_EQ(all.next_state, 0) << length << tail;
      ASSERT_GT(all.skipped, length) << tail;
      ASSERT_LE(all.skipped, length + tail.size() + 64) << tail;
    }
  }
}

TEST_F(LogStderrTest, TheTimeNeedsATimeInThePrefix) {
  EXPECT_EQ(Read("1767225600.000 [1] LOG:  x\n").records, "1767225600.000 [1] LOG:  \n");
  EXPECT_EQ(Read("[1] LOG:  x\n").records, "");
  EXPECT_EQ(Read(Line("PANIC:  x") + Line("DETAIL:  x") + "x\n").records, kTime);
}

// With names in the prefix the log can be forged, but no session of such a name is lost: it is returned or ambiguous.
TEST(LogPrefixTest, ASessionWhoseNameIsInThePrefixIsReturnedOrAmbiguous) {
  LogServer log({.settings = {"log_line_prefix = '%u %m [%p] '"}});
  Client exporter(log.Conninfo());
  for (const std::string& name : {std::string("LOG:  statement: x"), std::string("STATEMENT:  x"), std::string("a\nb"),
                                  std::string("\tx"), std::string("a\n\tb"), std::string("LOG:  x\n\tb")}) {
    log.Flush();
    const std::size_t begin = log.Content("pg.log").size();
    const RawClient client({.port = log.server().port(), .user = name, .application_name = "hostile"});
    log.Flush();
    const LogPiece piece = log.Read(exporter, "pg.log", {.start = begin});
    ASSERT_EQ(piece.problem, "") << name;
    const bool returned =
        piece.records.contains("LOG:  connection authorized: user=") && piece.records.contains("=hostile");
    EXPECT_TRUE(returned || piece.ambiguous > 0) << name << "\n" << log.Content("pg.log").substr(begin);
  }
}

}  // namespace
}  // namespace pgtls
