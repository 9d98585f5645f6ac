// Which certificate ends the chain of the server's certificate, and what the audit says of the anchor.
#include <gmock/gmock.h>

#include "tests/exporter/audit/snapshot.h"

namespace pgtls::audit {
namespace {

using std::chrono::days;
using testing::ElementsAre;
using testing::IsEmpty;

tls::CertificateFacts Certificate(const std::string& subject, days left) {
  tls::CertificateFacts facts;
  facts.subject = subject;
  facts.not_before = kNow - days(700);
  facts.not_after = kNow + left;
  facts.key_algorithm = "EC";
  facts.key_size = "256";
  return facts;
}

tls::CertificateInventory Served(std::vector<tls::CertificateFacts> chain, std::optional<tls::CertificateFacts> anchor,
                                 std::vector<bool> needed = {true, true}) {
  tls::CertificateInventory inventory;
  inventory.served_path = tls::ServedPath{std::move(needed), chain.front().not_after, std::move(anchor)};
  inventory.served = std::move(chain);
  return inventory;
}

TEST(ChainFindings, ACaThatIsSentEndsFirst) {
  SnapshotBuilder builder;
  builder.Publish(Served({Certificate("CN=db1", days(300)), Certificate("CN=Issuing", days(200))}, std::nullopt));
  EXPECT_THAT(builder.Ids(), ElementsAre("note chain_ends_early", "fine certificate_valid"));
  EXPECT_THAT(builder.Of("chain_ends_early").evidence,
              ElementsAre("served", "CN=db1 (position 0), valid until 2027-11-11 08:00:00 UTC",
                          "ends first: CN=Issuing (position 1), valid until 2027-08-03 08:00:00 UTC"));
}

TEST(ChainFindings, TheAnchorEndsFirst) {
  SnapshotBuilder builder;
  builder.Publish(Served({Certificate("CN=db1", days(300)), Certificate("CN=Issuing", days(400))},
                         Certificate("CN=Root", days(20))));
  EXPECT_THAT(builder.Ids(), ElementsAre("warning ca_expiring", "note chain_ends_early", "fine certificate_valid"));
  EXPECT_EQ(builder.Of("ca_expiring").title, "A CA certificate in the clients' root file expires in 20 days");
  EXPECT_THAT(builder.Of("ca_expiring").evidence,
              ElementsAre("sslrootcert, for what is served: CN=Root", "valid until 2027-02-04 08:00:00 UTC"));
  EXPECT_THAT(builder.Of("chain_ends_early").evidence,
              ElementsAre("served", "CN=db1 (position 0), valid until 2027-11-11 08:00:00 UTC",
                          "ends first: CN=Root (sslrootcert), valid until 2027-02-04 08:00:00 UTC"));
}

TEST(ChainFindings, WhatNoVerificationDependsOnMayEnd) {
  SnapshotBuilder builder;
  builder.Publish(Served({Certificate("CN=db1", days(300)), Certificate("CN=old", days(200))},
                         Certificate("CN=Root", days(900)), {true, false}));
  EXPECT_THAT(builder.Ids(), ElementsAre("fine certificate_valid"));
}

// Which client certificates are refused now is not known before the server has loaded the file.
TEST(ChainFindings, AnExpiredAuthorityThatMayNotBeLoaded) {
  tls::CertificateInventory inventory;
  inventory.files.push_back({.role = "ca", .path = "/root.crt"});
  inventory.files[0].content.certificates.push_back({0, Certificate("CN=Gone", -days(1))});
  EXPECT_THAT(SnapshotBuilder().Publish(inventory).Ids(), ElementsAre("critical ca_expired"));
  inventory.files[0].is_served = false;
  EXPECT_THAT(SnapshotBuilder().Publish(inventory).Ids(), ElementsAre("warning ca_expired"));
  EXPECT_EQ(SnapshotBuilder().Publish(inventory).Of("ca_expired").why,
            "The server may use this file as it is now only after the next reload or restart.");
}

TEST(ChainFindings, AFileThatIsNotServed) {
  tls::CertificateInventory inventory;
  tls::FileReport file = {.role = "server", .path = "/data/server.crt"};
  file.content.certificates = {{0, Certificate("CN=db1", days(300))}, {1, Certificate("CN=Issuing", days(90))}};
  file.chain_path = tls::ServedPath{{true, true}, file.content.certificates[1].facts.not_after};
  inventory.files = {file};
  inventory.served_matches_file = false;
  SnapshotBuilder builder;
  builder.Publish(inventory);
  EXPECT_THAT(builder.Of("chain_ends_early").evidence,
              ElementsAre("file /data/server.crt", "CN=db1 (position 0), valid until 2027-11-11 08:00:00 UTC",
                          "ends first: CN=Issuing (position 1), valid until 2027-04-15 08:00:00 UTC"));
  inventory.served_matches_file = true;  // it is judged as what is served
  SnapshotBuilder served;
  served.Publish(inventory);
  EXPECT_THAT(served.Ids(), IsEmpty());
}

}  // namespace
}  // namespace pgtls::audit
