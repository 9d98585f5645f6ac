#include "exporter/sessions/exemptions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgtls::sessions {
namespace {

using std::chrono::sys_days;
using namespace std::chrono_literals;

constexpr sys_days kToday = std::chrono::year{2027} / 1 / 31;

bool Allowed(const config::Exemption& entry, const Session& session,
             std::chrono::sys_time<std::chrono::microseconds> now = kToday) {
  const std::vector<config::Exemption> entries = {entry};
  return Exemptions(entries, now).AllowedBy(session, OriginOf(session)) != nullptr;
}

Session Erp() {
  return {
      .database = "erp", .user = "erp", .application_name = "batch", .client_addr = "10.1.2.3", .client_port = 4000};
}

TEST(Exemptions, NoneAllowNothing) {
  const std::vector<config::Exemption> none;
  EXPECT_EQ(Exemptions(none, kToday).AllowedBy(Erp(), OriginOf(Erp())), nullptr);
}

TEST(Exemptions, EveryFieldThatIsThereMustMatch) {
  const config::Exemption full{.name = "legacy",
                               .user = "erp",
                               .database = "erp",
                               .client_addr = Cidr::Parse("10.1.2.0/24"),
                               .application_name = "batch"};
  EXPECT_TRUE(Allowed(full, Erp()));
  Session other = Erp();
  other.user = "ERP";
  EXPECT_FALSE(Allowed(full, other));
  other = Erp();
  other.database = "erp2";
  EXPECT_FALSE(Allowed(full, other));
  other = Erp();
  other.client_addr = "10.1.3.3";
  EXPECT_FALSE(Allowed(full, other));
  other = Erp();
  other.application_name = "";
  EXPECT_FALSE(Allowed(full, other));
}

TEST(Exemptions, AbsentFieldsMatchEverything) {
  EXPECT_TRUE(Allowed({.name = "u", .user = "erp"}, Erp()));
  EXPECT_TRUE(Allowed({.name = "d", .database = "erp"}, Erp()));
  EXPECT_TRUE(Allowed({.name = "a", .client_addr = Cidr::Parse("10.0.0.0/8")}, Erp()));
}

TEST(Exemptions, TheFirstOfSeveralThatMatchesAndIsInForce) {
  const std::vector<config::Exemption> entries = {
      {.name = "other", .user = "nobody"},
      {.name = "ended", .user = "erp", .until = kToday - std::chrono::days(1)},
      {.name = "z", .database = "erp"},
      {.name = "a", .user = "erp"}};
  const Exemptions exemptions(entries, kToday);
  EXPECT_EQ(exemptions.AllowedBy(Erp(), OriginOf(Erp())), &entries[2]);
  EXPECT_THAT(exemptions.in_force(), testing::ElementsAre(&entries[0], &entries[2], &entries[3]));
}

TEST(Exemptions, MappedAddressMatchesItsIpv4Range) {
  Session mapped = Erp();
  mapped.client_addr = "::ffff:10.1.2.3";
  EXPECT_TRUE(Allowed({.name = "a", .client_addr = Cidr::Parse("10.1.2.0/24")}, mapped));
}

TEST(Exemptions, AddressThatCannotBeReadMatchesNoRange) {
  Session unknown = Erp();
  unknown.client_addr = "";
  EXPECT_FALSE(Allowed({.name = "a", .client_addr = Cidr::Parse("0.0.0.0/0")}, unknown));
}

TEST(Exemptions, HoldThroughTheLastDay) {
  const config::Exemption entry{.name = "a", .user = "erp", .until = kToday};
  EXPECT_TRUE(Allowed(entry, Erp(), kToday));
  EXPECT_TRUE(Allowed(entry, Erp(), kToday + 24h - 1us));
  EXPECT_FALSE(Allowed(entry, Erp(), kToday + 24h));
}

}  // namespace
}  // namespace pgtls::sessions
