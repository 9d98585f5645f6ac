#include "exporter/base/net_address.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace pgtls {
namespace {

IpAddress Ip(std::string_view text) { return IpAddress::Parse(text).value(); }

TEST(IpAddressTest, ParsesAndPrintsBothFamilies) {
  for (const char* text : {"0.0.0.0", "127.0.0.1", "255.255.255.255", "::", "::1", "2001:db8::1", "::ffff:10.1.2.3",
                           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}) {
    const auto address = IpAddress::Parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->ToString(), text);
    EXPECT_EQ(address->is_v4(), std::string_view(text).find(':') == std::string_view::npos) << text;
  }
  EXPECT_EQ(Ip("2001:0DB8:0:0:0:0:0:1").ToString(), "2001:db8::1");
}

TEST(IpAddressTest, RefusesWhatIsNoAddress) {
  using std::string_view_literals::operator""sv;
  for (const std::string_view text :
       {""sv, "localhost"sv, "1.2.3"sv, "1.2.3.4.5"sv, "1.2.3.256"sv, "1.2.3.04"sv, " 1.2.3.4"sv, "1.2.3.4 "sv,
        "1.2.3.4\0"sv, "1.2.3.4\0junk"sv, "::1%lo"sv, "fe80::1%eth0"sv, "[::1]"sv, ":::"sv, "1::2::3"sv, "1.2.3.4/8"sv,
        "0x7f.0.0.1"sv, "2130706433"sv, "::ffff:1.2.3.4:5:6:7:8:9:a:b:c:d:e:f:0000000000"sv}) {
    EXPECT_FALSE(IpAddress::Parse(text)) << text;
  }
}

TEST(IpAddressTest, MadeFromNumbers) {
  EXPECT_EQ(IpAddress::V4(0x0A010203), Ip("10.1.2.3"));
  EXPECT_EQ(IpAddress::V6({0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7}), Ip("2001:db8::7"));
  using std::string_view_literals::operator""sv;
  EXPECT_EQ(IpAddress::FromBytes("\x0A\x01\x02\x03"sv), Ip("10.1.2.3"));
  EXPECT_EQ(IpAddress::FromBytes("\xFE\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x07"sv), Ip("fe80::7"));
  EXPECT_EQ(IpAddress::FromBytes("\x0A\x01\x02"sv), std::nullopt);
  EXPECT_EQ(IpAddress::FromBytes(""sv), std::nullopt);
}

TEST(IpAddressTest, OnlyMappedAddressesAreUnmapped) {
  EXPECT_EQ(Ip("::ffff:10.1.2.3").Unmapped(), Ip("10.1.2.3"));
  EXPECT_NE(Ip("::ffff:10.1.2.3"), Ip("10.1.2.3"));
  EXPECT_EQ(Ip("10.1.2.3").Unmapped(), Ip("10.1.2.3"));
  EXPECT_EQ(Ip("::10.1.2.3").Unmapped(), Ip("::10.1.2.3"));               // IPv4-compatible, long gone
  EXPECT_EQ(Ip("64:ff9b::10.1.2.3").Unmapped(), Ip("64:ff9b::a01:203"));  // NAT64
  EXPECT_EQ(Ip("::fffe:10.1.2.3").Unmapped(), Ip("::fffe:10.1.2.3"));
}

TEST(IpAddressTest, TellsLoopback) {
  for (const char* text :
       {"127.0.0.1", "127.0.0.0", "127.255.255.255", "::1", "::ffff:127.0.0.1", "::ffff:127.8.9.1"}) {
    EXPECT_TRUE(Ip(text).IsLoopback()) << text;
  }
  for (const char* text : {"126.255.255.255", "128.0.0.0", "0.0.0.0", "10.0.0.127", "::", "::2", "1::1", "::127.0.0.1",
                           "::ffff:128.0.0.1", "::ffff:0.0.0.1", "7f00::1"}) {
    EXPECT_FALSE(Ip(text).IsLoopback()) << text;
  }
}

TEST(IpAddressTest, MasksAtEveryBorder) {
  EXPECT_EQ(Ip("10.255.3.4").Masked(0), Ip("0.0.0.0"));
  EXPECT_EQ(Ip("10.255.3.4").Masked(9), Ip("10.128.0.0"));
  EXPECT_EQ(Ip("10.255.3.4").Masked(31), Ip("10.255.3.4"));
  EXPECT_EQ(Ip("10.255.3.5").Masked(31), Ip("10.255.3.4"));
  EXPECT_EQ(Ip("10.255.3.5").Masked(32), Ip("10.255.3.5"));
  EXPECT_EQ(Ip("10.255.3.4").Filled(0), Ip("255.255.255.255"));
  EXPECT_EQ(Ip("10.0.3.4").Filled(9), Ip("10.127.255.255"));
  EXPECT_EQ(Ip("10.0.3.4").Filled(32), Ip("10.0.3.4"));
  EXPECT_EQ(Ip("2001:db8::ffff").Masked(0), Ip("::"));
  EXPECT_EQ(Ip("2001:db8::ffff").Masked(127), Ip("2001:db8::fffe"));
  EXPECT_EQ(Ip("2001:db8::ffff").Masked(128), Ip("2001:db8::ffff"));
  EXPECT_EQ(Ip("2001:db8::").Filled(32), Ip("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"));
  EXPECT_EQ(Ip("::").Filled(0), Ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
}

TEST(IpAddressTest, NextCrossesBytesAndEndsAtTheFamily) {
  const std::pair<const char*, const char*> steps[] = {
      {"0.0.0.0", "0.0.0.1"},
      {"10.0.0.255", "10.0.1.0"},
      {"10.255.255.255", "11.0.0.0"},
      {"::", "::1"},
      {"::ffff", "::1:0"},
      {"::fffe:ffff:ffff", "::ffff:0:0"},
      {"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"},
  };
  for (const auto& [before, after] : steps) EXPECT_EQ(Ip(before).Next(), Ip(after)) << before;
  EXPECT_EQ(Ip("255.255.255.255").Next(), std::nullopt);
  EXPECT_EQ(Ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff").Next(), std::nullopt);
}

TEST(IpAddressTest, OrdersByFamilyThenNumber) {
  std::vector<IpAddress> addresses;
  const std::vector<const char*> ordered = {"0.0.0.0",         "9.255.0.0", "10.0.0.0", "10.0.0.2",  "10.0.0.10",
                                            "255.255.255.255", "::",        "::1",      "2001:db8::"};
  for (const char* text : ordered) addresses.push_back(Ip(text));
  std::ranges::shuffle(addresses, std::minstd_rand(1));
  std::ranges::sort(addresses);
  std::vector<std::string> texts;
  for (const auto& address : addresses) texts.push_back(address.ToString());
  EXPECT_EQ(texts, std::vector<std::string>(ordered.begin(), ordered.end()));
}

TEST(CidrTest, ParsesRangesAndClearsHostBits) {
  EXPECT_EQ(Cidr::Parse("10.1.2.3/8")->ToString(), "10.0.0.0/8");
  EXPECT_EQ(Cidr::Parse("10.1.2.3")->ToString(), "10.1.2.3/32");
  EXPECT_EQ(Cidr::Parse("10.1.2.3/32"), Cidr::Parse("10.1.2.3"));
  EXPECT_EQ(Cidr::Parse("1.2.3.4/0")->ToString(), "0.0.0.0/0");
  EXPECT_EQ(Cidr::Parse("::1")->ToString(), "::1/128");
  EXPECT_EQ(Cidr::Parse("2001:db8::1/32")->ToString(), "2001:db8::/32");
  EXPECT_EQ(Cidr::Parse("::/0")->prefix, 0);
}

// What reads as a narrow range must never become a wide one: an exemption would then cover everybody.
TEST(CidrTest, RefusesWhatIsNoRange) {
  for (const char* text : {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-0", "10.0.0.0/-1", "10.0.0.0/+8",
                           "10.0.0.0/ 8", "10.0.0.0/8 ", "10.0.0.0/8x", "10.0.0.0/8/8", "10.0.0.0/255.0.0.0", "::/129",
                           "::/99999999999999999999", "10.0.0/8", "db/24"}) {
    EXPECT_FALSE(Cidr::Parse(text)) << text;
  }
}

TEST(CidrTest, ContainsItsBordersAndNothingBeyond) {
  const Cidr range = Cidr::Parse("10.1.2.0/23").value();
  EXPECT_EQ(range.first(), Ip("10.1.2.0"));
  EXPECT_EQ(range.last(), Ip("10.1.3.255"));
  EXPECT_TRUE(range.Contains(range.first()));
  EXPECT_TRUE(range.Contains(range.last()));
  EXPECT_FALSE(range.Contains(Ip("10.1.1.255")));
  EXPECT_FALSE(range.Contains(range.last().Next().value()));
}

TEST(CidrTest, ContainsOnlyItsOwnFamily) {
  EXPECT_FALSE(Cidr::Parse("0.0.0.0/0")->Contains(Ip("::ffff:10.0.0.1")));
  EXPECT_FALSE(Cidr::Parse("::/0")->Contains(Ip("10.0.0.1")));
  EXPECT_TRUE(Cidr::Parse("::/0")->Contains(Ip("::ffff:10.0.0.1")));
  EXPECT_TRUE(Cidr::Parse("0.0.0.0/0")->Contains(Ip("255.255.255.255")));
}

TEST(ZonedAddressTest, OnlyALinkLocalAddressHasAnInterface) {
  for (const char* text : {"192.0.2.1", "2001:db8::1", "fe80::1", "fe80::1%eth0", "febf::1%3", "fe80::1%br-0.12"}) {
    const auto address = ZonedAddress::Parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->ToString(), text);
  }
  EXPECT_EQ(ZonedAddress::Parse("fe80::1%eth0")->zone, "eth0");
  EXPECT_EQ(ZonedAddress::Parse("fe80::1%eth0")->address, IpAddress::Parse("fe80::1"));
  for (const char* text :
       {"", "db1", "fe80::1%", "%eth0", "fe80::1%a b", "fe80::1%a'b", "fe80::1%a%b", "fe80::1%a,b",
        "fe80::1%sixteen-or-more-", "fd00::1%eth0", "::1%lo", "192.0.2.1%eth0", "::ffff:169.254.0.1%eth0"}) {
    EXPECT_FALSE(ZonedAddress::Parse(text)) << text;
  }
}

}  // namespace
}  // namespace pgtls
