#include "exporter/serverlog/line_prefix.h"

#include <gtest/gtest.h>

#include <string>

namespace pgtls::serverlog {
namespace {

using namespace std::chrono_literals;

std::optional<Record> Read(std::string_view log_line_prefix, std::string_view text) {
  Record record;
  if (!LinePrefix(log_line_prefix).Read(text, record)) return std::nullopt;
  return record;
}

TEST(LinePrefix, HasTheFieldsOfItsEscapes) {
  const auto record = Read("%m [%p] %q%u@%d ", "2026-11-27 20:53:19.231 UTC [25905] bob@shop ");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->time, std::chrono::local_days(2026y / 11 / 27) + 20h + 53min + 19s + 231ms);
  EXPECT_EQ(record->pid, 25905);
  EXPECT_EQ(record->user, "bob");
  EXPECT_EQ(record->database, "shop");
  EXPECT_FALSE(record->port);

  const auto id = Read("%c %n ", "6b09edcc.67e7 1795812799.231 ");
  ASSERT_TRUE(id);
  EXPECT_EQ(id->pid, 0x67e7);
  EXPECT_EQ(id->session_start_s, 0x6b09edcc);
  EXPECT_EQ(id->epoch->time_since_epoch(), 1795812799231ms);
}

TEST(LinePrefix, HasWhereTheClientIs) {
  EXPECT_EQ(Read("%r ", "127.0.0.1(56136) ")->host, "127.0.0.1");
  EXPECT_EQ(Read("%r ", "127.0.0.1(56136) ")->port, 56136);
  EXPECT_EQ(Read("%r ", "fe80::1%eth0(56136) ")->host, "fe80::1%eth0");
  EXPECT_EQ(Read("%r ", "[local] ")->host, "[local]");
  EXPECT_EQ(Read("%h:", "::1:")->host, "::1");
  EXPECT_EQ(Read("%r ", " ")->host, "");
}

// The prefixes of pgBadger, Debian, and others.
TEST(LinePrefix, OfOperatorsIsRead) {
  const std::pair<const char*, const char*> cases[] = {
      {"%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
       "2026-11-27 20:53:19 CET [25905]: [3-1] user=bob,db=shop,app=[unknown],client=127.0.0.1 "},
      {"%t:%r:%u@%d:[%p]: ", "2026-11-27 20:53:19 UTC:127.0.0.1(1):bob@shop:[25905]: "},
      {"%m %p %u %d %a %v %x %e %i", "2026-11-27 20:53:19.231 UTC 25905 bob shop [unknown] 3/1 0 00000 authentication"},
      {"%s|%c|%b|%P|%Q|%L|%h|%u|%d|%p|",
       "2026-11-27 20:53:19 UTC|6b09edcc.6531|client backend||-12|127.0.0.1|10.0.0.1|bob|shop|25905|"},
      {"%m[%p]%u,%d;", "2026-11-27 20:53:19.231 +03[25905]bob,shop;"},
      {"%m-%p-%u/%d-", "2026-11-27 20:53:19.231 UTC-25905-bob/shop-"},
      {"%%%p%%%u%%%d%%%%", "%25905%bob%shop%%"},
      {"[%p] {%u} (%d) .*+?|^$\\ ", "[25905] {bob} (shop) .*+?|^$\\ "},
      {"%p %u %d %", "25905 bob shop "},   // an end that is none
      {"%p %u %d %z", "25905 bob shop "},  // an escape that the server does not know
      {"%q%p %u %d", "25905 bob shop"},
  };
  for (const auto& [prefix, text] : cases) {
    const auto record = Read(prefix, text);
    ASSERT_TRUE(record) << prefix;
    EXPECT_EQ(record->pid, 25905) << prefix;
    EXPECT_EQ(record->user, "bob") << prefix;
    EXPECT_EQ(record->database, "shop") << prefix;
  }
}

TEST(LinePrefix, MayPad) {
  const auto record = Read("%-10u|%10d|%8p|%-6l|%3h|", "bob       |      shop|   25905|3     |127.0.0.1|");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->user, "bob");
  EXPECT_EQ(record->database, "shop");
  EXPECT_EQ(record->pid, 25905);
  EXPECT_EQ(record->host, "127.0.0.1");
  EXPECT_EQ(Read("%-5u %d", "someone shop")->user, "someone");
  EXPECT_EQ(Read("%10p", "     25905")->pid, 25905);
  EXPECT_EQ(Read("%-30m|", "2026-11-27 20:53:19.231 UTC   |")->time, Read("%m|", "2026-11-27 20:53:19.231 UTC|")->time);
  EXPECT_FALSE(Read("%10p", "25905"));
}

TEST(LinePrefix, RefusesOtherText) {
  EXPECT_FALSE(Read("%m [%p] ", "2026-11-27 20:53:19.231 UTC [x] "));
  EXPECT_FALSE(Read("%m [%p] ", "2026-11-27 20:53:19.231 UTC [1]"));
  EXPECT_FALSE(Read("%m [%p] ", "x 2026-11-27 20:53:19.231 UTC [1] "));
  EXPECT_FALSE(Read("%m ", "2026-11-27 20:53:19.231 "));
  EXPECT_FALSE(Read("%m ", "2026-11-27 20:53:19.231"));
  EXPECT_FALSE(Read("%p", ""));
  EXPECT_FALSE(Read("", " "));
  EXPECT_TRUE(Read("", ""));
}

// Then it is not known which name is whose.
TEST(LinePrefix, RefusesTextThatCanBeReadInSeveralWays) {
  EXPECT_TRUE(Read("%u %d %h ", "bob shop 127.0.0.1 "));
  EXPECT_FALSE(Read("%u %d %h ", "bob shop x 127.0.0.1 "));
  EXPECT_FALSE(Read("%u %d %h ", "bob shop SSL enabled (protocol=TLSv1.3, cipher=A, bits=1) 127.0.0.1 "));
  EXPECT_FALSE(Read("%u@%d ", "a@b@shop "));
  EXPECT_FALSE(Read("%u%d", "bobshop"));
  EXPECT_TRUE(Read("[%p] %u@%d ", "[1] [2] bob@shop "));  // a user "[2] bob"
  EXPECT_FALSE(Read("%u [%p] ", "bob [1] [2] ").has_value() && Read("%u [%p] ", "bob [1] [2] ")->user == "bob");
}

TEST(LinePrefix, SaysWhatItHas) {
  EXPECT_TRUE(LinePrefix("%p").identifies_session());
  EXPECT_TRUE(LinePrefix("%c").identifies_session());
  EXPECT_FALSE(LinePrefix("%m %u@%d %h").identifies_session());
  EXPECT_FALSE(LinePrefix("%%p c").identifies_session());
  for (const char* prefix : {"%m", "%t", "%n"}) EXPECT_TRUE(LinePrefix(prefix).has_time());
  EXPECT_FALSE(LinePrefix("%s %p").has_time());
  for (const char* prefix : {"%u", "%d", "%a"}) EXPECT_TRUE(LinePrefix(prefix).has_names());
  EXPECT_FALSE(LinePrefix("%m [%p] %h ").has_names());
  EXPECT_FALSE(LinePrefix("").identifies_session());
}

// A client chooses the application name, of any length. Reading takes no more than the length for each part: this test
// would not end in time otherwise.
TEST(LinePrefix, ReadsNamesThatFitInManyWays) {
  const std::string spaces(1900, ' ');
  EXPECT_FALSE(Read("[%u %d %a %h %i %b %a %u %d]", "[" + spaces));
  EXPECT_FALSE(Read("[%u %d %a %h %i %b %a %u %d]", "[" + spaces + "]"));
  EXPECT_FALSE(Read("%u", std::string(100'000, ' ')));
  EXPECT_EQ(Read("%u", spaces)->user, spaces);
}

}  // namespace
}  // namespace pgtls::serverlog
