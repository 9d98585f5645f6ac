#include "exporter/sessions/address_label.h"

#include <gtest/gtest.h>

namespace pgtls::sessions {
namespace {

std::string Label(std::string_view client_addr, const AddressBuckets& buckets = {}) {
  Session session;
  session.client_addr = client_addr;
  session.client_port = client_addr.empty() ? -1 : 40000;
  return AddressLabel(session, OriginOf(session), buckets);
}

TEST(AddressLabel, AtFullLengthIsTheAddress) {
  EXPECT_EQ(Label("10.1.2.3"), "10.1.2.3");
  EXPECT_EQ(Label("2001:db8:0:0::5"), "2001:db8::5");
}

TEST(AddressLabel, BucketsEachFamilyByItsPrefix) {
  const AddressBuckets buckets{.ipv4_prefix = 20, .ipv6_prefix = 64};
  EXPECT_EQ(Label("10.1.47.3", buckets), "10.1.32.0/20");
  EXPECT_EQ(Label("2001:db8:1:2:3::5", buckets), "2001:db8:1:2::/64");
  EXPECT_EQ(Label("10.1.47.3", {.ipv4_prefix = 0, .ipv6_prefix = 64}), "0.0.0.0/0");
}

TEST(AddressLabel, OneFamilyAtFullLength) {
  EXPECT_EQ(Label("10.1.2.3", {.ipv4_prefix = 32, .ipv6_prefix = 48}), "10.1.2.3");
}

TEST(AddressLabel, MappedAddressIsIpv4) { EXPECT_EQ(Label("::ffff:10.1.2.3", {.ipv4_prefix = 8}), "10.0.0.0/8"); }

TEST(AddressLabel, NoAddress) {
  EXPECT_EQ(Label(""), "");
  EXPECT_EQ(Label("fe80::1%eth0", {.ipv6_prefix = 64}), "fe80::1%eth0");
}

}  // namespace
}  // namespace pgtls::sessions
