// What the audit says of the client certificates that sessions use.
#include <gmock/gmock.h>

#include "tests/exporter/audit/snapshot.h"

namespace pgtls::audit {
namespace {

using std::chrono::days;
using std::chrono::hours;
using testing::ElementsAre;
using testing::IsEmpty;

tls::ClientUse Use(const std::string& user, std::optional<std::chrono::seconds> left, days lifetime = days(365)) {
  tls::ClientUse use = {.user = user, .client_dn = "/CN=" + user, .issuer_dn = "/CN=Clients", .serial = "0A"};
  use.found = left.has_value();
  if (left) use.not_after = kNow + *left;
  if (left) use.not_before = kNow + *left - lifetime;
  use.connections = 2;
  use.addresses = {"10.1.2.3", "10.1.2.4"};
  return use;
}

SnapshotBuilder With(std::vector<tls::ClientUse> uses, bool inventory = true) {
  tls::CertificateInventory certificates;
  certificates.client_uses = std::move(uses);
  certificates.has_client_inventory = inventory;
  SnapshotBuilder builder;
  builder.Publish(std::move(certificates));
  return builder;
}

TEST(ClientUseFindings, WhoStopsConnecting) {
  const SnapshotBuilder builder = With({Use("bob", days(9))});
  EXPECT_THAT(builder.Ids(), ElementsAre("warning client_certificate_expiring"));
  EXPECT_THAT(
      builder.Of("client_certificate_expiring").evidence,
      ElementsAre(
          "bob: /CN=bob, issued by /CN=Clients, serial 0A, valid until 2027-01-24 08:00:00 UTC; 2 connections from "
          "10.1.2.3, 10.1.2.4"));
}

TEST(ClientUseFindings, ByTheShareOfTheLifetime) {
  EXPECT_THAT(With({Use("six", days(3), days(6))}).Ids(), ElementsAre("fine client_certificates_valid"));
  EXPECT_THAT(With({Use("six", days(1), days(6))}).Ids(), ElementsAre("warning client_certificate_expiring"));
  EXPECT_THAT(With({Use("six", hours(11), days(6))}).Ids(), ElementsAre("critical client_certificate_expiring"));
  EXPECT_THAT(With({Use("gone", -days(1))}).Ids(), ElementsAre("critical client_certificate_expiring"));
  EXPECT_THAT(With({Use("ten", days(31), days(3650))}).Ids(), ElementsAre("fine client_certificates_valid"));
  EXPECT_THAT(With({Use("ten", days(29), days(3650))}).Ids(), ElementsAre("warning client_certificate_expiring"));
  tls::ClientUse index = Use("index", days(29));
  index.not_before.reset();
  EXPECT_THAT(With({index}).Ids(), ElementsAre("warning client_certificate_expiring"));
}

TEST(ClientUseFindings, EvidenceOfOthers) {
  tls::ClientUse past = Use("past", days(9));
  past.connections = 0;
  past.last_seen = kNow - days(3);
  tls::ClientUse own = Use("exporter", days(9));
  own.own = true;
  own.connections = 0;
  EXPECT_THAT(With({past, own}).Of("client_certificate_expiring").evidence,
              ElementsAre(testing::EndsWith("; last used 2027-01-12 08:00:00 UTC"),
                          testing::EndsWith("; the exporter's own certificate")));
  const std::vector<tls::ClientUse> many(50, Use("bob", days(9)));
  const auto evidence = With(many).Of("client_certificate_expiring").evidence;
  EXPECT_EQ(evidence.size(), 21U);
  EXPECT_EQ(evidence.back(), "and 30 more");
}

TEST(ClientUseFindings, Revoked) {
  tls::ClientUse revoked = Use("eve", days(90));
  revoked.revoked = true;
  EXPECT_THAT(With({revoked}).Ids(),
              ElementsAre("critical client_certificate_revoked", "fine client_certificates_valid"));
  revoked.connections = 0;
  EXPECT_THAT(With({revoked}).Ids(), ElementsAre("fine client_certificates_valid"));
}

TEST(ClientUseFindings, UnknownOnlyBesideAnInventory) {
  EXPECT_THAT(With({Use("bob", std::nullopt)}).Ids(), ElementsAre("note client_certificate_unknown"));
  EXPECT_THAT(With({Use("bob", std::nullopt)}, false).Ids(), IsEmpty());
  tls::ClientUse past = Use("bob", std::nullopt);
  past.connections = 0;
  EXPECT_THAT(With({past}).Ids(), IsEmpty());
}

}  // namespace
}  // namespace pgtls::audit
