#include "exporter/sessions/shown_client.h"

#include <gtest/gtest.h>

namespace pgtls::sessions {
namespace {

std::string Shown(std::string_view client_addr, const AddressBuckets& buckets = {}) {
  Session session;
  session.client_addr = client_addr;
  session.client_port = client_addr.empty() ? -1 : 40000;
  return ShownClientOf(OriginOf(session), buckets).ToString();
}

TEST(ShownClient, AtFullLengthIsTheAddress) {
  EXPECT_EQ(Shown("10.1.2.3"), "10.1.2.3");
  EXPECT_EQ(Shown("2001:db8:0:0::5"), "2001:db8::5");
}

TEST(ShownClient, BucketsEachFamilyByItsPrefix) {
  const AddressBuckets buckets{.ipv4_prefix = 20, .ipv6_prefix = 64};
  EXPECT_EQ(Shown("10.1.47.3", buckets), "10.1.32.0/20");
  EXPECT_EQ(Shown("2001:db8:1:2:3::5", buckets), "2001:db8:1:2::/64");
  EXPECT_EQ(Shown("10.1.47.3", {.ipv4_prefix = 0, .ipv6_prefix = 64}), "0.0.0.0/0");
}

TEST(ShownClient, OneFamilyAtFullLength) {
  EXPECT_EQ(Shown("10.1.2.3", {.ipv4_prefix = 32, .ipv6_prefix = 48}), "10.1.2.3");
}

TEST(ShownClient, MappedAddressIsIpv4) { EXPECT_EQ(Shown("::ffff:10.1.2.3", {.ipv4_prefix = 8}), "10.0.0.0/8"); }

TEST(ShownClient, NoAddress) {
  EXPECT_EQ(Shown(""), "");
  EXPECT_EQ(Shown("fe80::1%eth0", {.ipv6_prefix = 64}), "") << "no server shows a zone";
}

TEST(ShownClient, FoldingLeavesAnAddressAndNoneApart) {
  const ShownClient one{.range = Cidr::Parse("10.1.2.3/32")};
  EXPECT_EQ(one.Folded().ToString(), "__other__");
  EXPECT_EQ(one.Folded(), (ShownClient{.range = Cidr::Parse("10.1.2.4/32")}.Folded()));
  EXPECT_EQ(ShownClient{}.Folded().ToString(), "");
}

}  // namespace
}  // namespace pgtls::sessions
