#include "exporter/serverlog/record.h"

#include <gtest/gtest.h>

namespace pgtls::serverlog {
namespace {

using namespace std::chrono_literals;

TEST(FormatOf, IsByTheEnding) {
  EXPECT_EQ(FormatOf("postgresql.json"), Format::kJson);
  EXPECT_EQ(FormatOf("postgresql.csv"), Format::kCsv);
  EXPECT_EQ(FormatOf("postgresql.log"), Format::kStderr);
  EXPECT_EQ(FormatOf("postgresql"), Format::kStderr);
  EXPECT_EQ(FormatOf(""), Format::kStderr);
  EXPECT_EQ(FormatOf("2026"), Format::kStderr);
}

TEST(FormatOf, IgnoresWhatLogrotateAppends) {
  EXPECT_EQ(FormatOf("postgresql.json.1"), Format::kJson);
  EXPECT_EQ(FormatOf("postgresql.csv-20261127"), Format::kCsv);
  EXPECT_EQ(FormatOf("postgresql.csv.old"), Format::kStderr);
}

TEST(ParseLogTime, HasMillisecondsOrNot) {
  const LogTime seconds = std::chrono::local_days(2026y / 11 / 27) + 20h + 53min + 19s;
  EXPECT_EQ(ParseLogTime("2026-11-27 20:53:19.231 UTC"), seconds + 231ms);
  EXPECT_EQ(ParseLogTime("2026-11-27 20:53:19 CET"), seconds);
  EXPECT_EQ(ParseLogTime("2026-11-27 20:53:19"), seconds);
}

TEST(ParseLogTime, RefusesOtherText) {
  for (const char* text :
       {"", "2026-11-27", "2026-11-27 20:53:1x UTC", "2026-13-27 20:53:19 UTC", "2026-02-30 20:53:19 UTC",
        "2026-11-27 24:53:19 UTC", "2026-11-27T20:53:19 UTC", "-026-11-27 20:53:19 UTC", "2026-11-27 20:60:19 UTC"}) {
    EXPECT_EQ(ParseLogTime(text), std::nullopt) << text;
  }
}

TEST(ReadSessionId, IsStartAndPid) {
  Record record;
  ASSERT_TRUE(ReadSessionId("6b09edcc.67e7", record));
  EXPECT_EQ(record.session_start_s, 0x6b09edcc);
  EXPECT_EQ(record.pid, 0x67e7);
  for (const char* text : {"", "6b09edcc", ".67e7", "6b09edcc.", "6b09edcc.67e7x", "x.1", "6b09edcc.67e7.1"})
    EXPECT_FALSE(ReadSessionId(text, record)) << text;
}

TEST(ReadConnectionFrom, HasAPortOverTcp) {
  const auto read = [](std::string_view text) {
    Record record;
    ReadConnectionFrom(text, record);
    return std::pair(record.host, record.port);
  };
  EXPECT_EQ(read("127.0.0.1:56136"), std::pair(std::string("127.0.0.1"), std::optional(56136)));
  EXPECT_EQ(read("fe80::1%eth0:5432"), std::pair(std::string("fe80::1%eth0"), std::optional(5432)));
  EXPECT_EQ(read("[local]"), std::pair(std::string("[local]"), std::optional<int>()));
  EXPECT_EQ(read(""), std::pair(std::string(), std::optional<int>()));
}

TEST(MayBeAboutConnection, LooksForEachMessage) {
  for (const char* text : {"LOG:  connection received: host=[local]", "connection authenticated: user=\"bob\"",
                           "connection authorized: user=bob", "replication connection authorized: user=bob",
                           "could not accept SSL connection: EOF detected", "pg_hba.conf rejects connection for host",
                           "no pg_hba.conf entry for host"}) {
    EXPECT_TRUE(MayBeAboutConnection(text)) << text;
  }
  EXPECT_FALSE(MayBeAboutConnection("LOG:  disconnection: session time: 0:00:00.016 user=bob"));
}

}  // namespace
}  // namespace pgtls::serverlog
