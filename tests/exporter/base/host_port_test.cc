#include "exporter/base/host_port.h"

#include <gtest/gtest.h>

namespace pgtls {
namespace {

TEST(HostPortTest, SplitsNamesAndBothFamilies) {
  const auto expect = [](std::string_view text, std::string_view host, std::optional<std::string_view> port,
                         bool in_brackets) {
    const auto split = SplitHostPort(text);
    ASSERT_TRUE(split) << text;
    EXPECT_EQ(split->host, host) << text;
    EXPECT_EQ(split->port, port) << text;
    EXPECT_EQ(split->in_brackets, in_brackets) << text;
  };
  expect("db:5432", "db", "5432", false);
  expect("db", "db", std::nullopt, false);
  expect("db:", "db", "", false);
  expect(":9743", "", "9743", false);
  expect("", "", std::nullopt, false);
  expect("[::1]:5432", "::1", "5432", true);
  expect("[fe80::1%eth0]", "fe80::1%eth0", std::nullopt, true);
  expect("[]:1", "", "1", true);
}

TEST(HostPortTest, RefusesWhatIsAmbiguous) {
  for (const char* text : {"::1", "::1:5432", "a:b:c", "[::1", "[::1]5432", "[::1]x:5432", "[::1]:5432:1"}) {
    EXPECT_FALSE(SplitHostPort(text)) << text;
  }
}

TEST(HostPortTest, APortIsDigits) {
  EXPECT_EQ(ParsePort("0"), 0);
  EXPECT_EQ(ParsePort("65535"), 65535);
  for (const char* text : {"", "-1", "-0", "+1", " 1", "1 ", "65536", "0x1", "http"})
    EXPECT_FALSE(ParsePort(text)) << text;
}

TEST(HostPortTest, AHostNameIsWhatSniCanHave) {
  const std::string label(63, 'a');
  for (const std::string& text : {std::string("db"), std::string("DB-1.example.com"), std::string("_x.example"),
                                  std::string("1a"), std::string("10.0.0.1.example"), label + "." + label}) {
    EXPECT_TRUE(IsHostName(text)) << text;
  }
  for (const std::string& text :
       {std::string(), std::string("."), std::string("a."), std::string(".a"), std::string("a..b"), std::string("-a"),
        std::string("a-"), std::string("*"), std::string("*.a"), std::string("a b"), std::string("a:1"),
        std::string("/no_sni/"), std::string("10.0.0.1"), std::string("1"), std::string("::1"), std::string("\xC3\xA4"),
        std::string("a\0b", 3), label + "a", label + "." + label + "." + label + "." + label}) {
    EXPECT_FALSE(IsHostName(text)) << text;
  }
}

TEST(HostPortTest, JoinsWithBracketsWhereTheyAreNeeded) {
  EXPECT_EQ(JoinHostPort("db", "5432"), "db:5432");
  EXPECT_EQ(JoinHostPort("10.0.0.1", "5432"), "10.0.0.1:5432");
  EXPECT_EQ(JoinHostPort("fe80::1%eth0", "5432"), "[fe80::1%eth0]:5432");
}

}  // namespace
}  // namespace pgtls
