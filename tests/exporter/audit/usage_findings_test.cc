// Certificates that were issued for another purpose.
#include <gmock/gmock.h>

#include "tests/exporter/audit/snapshot.h"

namespace pgtls::audit {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

tls::CertificateFacts Certificate(const std::string& subject,
                                  std::optional<std::vector<std::string>> usage = std::nullopt) {
  tls::CertificateFacts facts;
  facts.subject = subject;
  facts.not_before = kNow - std::chrono::days(100);
  facts.not_after = kNow + std::chrono::days(300);
  facts.extended_key_usage = std::move(usage);
  return facts;
}

tls::ServedPath Path(std::vector<std::size_t> wrong) {
  tls::ServedPath path;
  path.needed = {true, true};
  path.wrong_purpose = std::move(wrong);
  return path;
}

tls::CertificateInventory Served(std::vector<std::size_t> wrong) {
  tls::CertificateInventory inventory;
  inventory.served = {Certificate("CN=db1", {{"clientAuth", "1.2.3"}}), Certificate("CN=Issuing")};
  inventory.served_path = Path(std::move(wrong));
  return inventory;
}

TEST(UsageFindings, TheServersCertificate) {
  SnapshotBuilder builder;
  builder.Publish(Served({0}));
  EXPECT_THAT(builder.Ids(), ElementsAre("warning certificate_usage", "fine certificate_valid"));
  const Finding finding = builder.Of("certificate_usage");
  EXPECT_THAT(finding.evidence, ElementsAre("served: CN=db1 (position 0)", "extendedKeyUsage: clientAuth, 1.2.3"));
  EXPECT_THAT(finding.why, HasSubstr("connects without TLS"));
  EXPECT_THAT(finding.remedy, HasSubstr("serverAuth"));
  EXPECT_THAT(finding.remedy, HasSubstr("put it into ssl_cert_file and SELECT pg_reload_conf();"));
  SnapshotBuilder good;
  good.Publish(Served({}));
  EXPECT_THAT(good.Ids(), ElementsAre("fine certificate_valid"));
}

TEST(UsageFindings, AnAuthorityOfTheChain) {
  SnapshotBuilder builder;
  builder.Publish(Served({1}));
  const Finding finding = builder.Of("certificate_usage");
  EXPECT_EQ(finding.title, "A CA certificate in the server's chain excludes server certificates");
  EXPECT_THAT(finding.evidence, ElementsAre("served: CN=Issuing (position 1)",
                                            "no extendedKeyUsage; keyUsage or another extension excludes it"));
  EXPECT_THAT(finding.remedy, HasSubstr("keyCertSign"));
}

// One fault is one finding: with a root file chain_not_verified has it.
TEST(UsageFindings, WhatTheVerificationReportsIsNotRepeated) {
  tls::EndpointFacts endpoint = Endpoint();
  endpoint.chain_errors = {"wrong_purpose"};
  SnapshotBuilder builder;
  builder.Publish(Served({0})).Publish(endpoint);
  EXPECT_THAT(builder.Ids(), testing::AllOf(testing::Contains("critical chain_not_verified"),
                                            Not(testing::Contains("warning certificate_usage"))));
  endpoint.chain_errors = {"unknown_ca"};
  builder.Publish(endpoint);
  EXPECT_THAT(builder.Ids(), testing::Contains("warning certificate_usage"));
}

TEST(UsageFindings, OtherNames) {
  tls::CertificateInventory inventory;
  tls::ServedName& name = inventory.names.emplace_back();
  name.host = "a.example";
  name.served = {Certificate("CN=a", {{"clientAuth"}})};
  name.served_path = Path({0});
  SnapshotBuilder builder;
  builder.Publish(inventory);
  EXPECT_THAT(builder.Of("certificate_usage").evidence,
              ElementsAre("served to a.example: CN=a (position 0)", "extendedKeyUsage: clientAuth"));
  EXPECT_THAT(builder.Of("certificate_usage").remedy, HasSubstr("pg_hosts.conf"));
  tls::EndpointFacts endpoint = Endpoint();
  endpoint.chain_errors = {"wrong_purpose"};  // of the server's own name
  endpoint.names.emplace_back().host = "a.example";
  builder.Publish(endpoint);
  EXPECT_THAT(builder.Ids(), testing::Contains("warning certificate_usage"));
  endpoint.names.insert(endpoint.names.begin(), tls::NameFacts());
  endpoint.names[0].host = "b.example";
  endpoint.names[0].chain_errors = {"wrong_purpose"};
  builder.Publish(endpoint);
  EXPECT_THAT(builder.Ids(), testing::Contains("warning certificate_usage")) << "another name's fault";
  endpoint.names[1].chain_errors = {"wrong_purpose"};
  builder.Publish(endpoint);
  EXPECT_THAT(builder.Ids(), Not(testing::Contains("warning certificate_usage")));
}

TEST(UsageFindings, AFileThatIsNotServedYet) {
  tls::CertificateInventory inventory;
  tls::FileReport file = {.role = "server", .path = "/data/server.crt"};
  file.content.certificates = {{0, Certificate("CN=db1", std::vector<std::string>())}};
  file.chain_path = Path({0});
  inventory.files = {file};
  inventory.served_matches_file = false;
  SnapshotBuilder builder;
  builder.Publish(inventory);
  const Finding finding = builder.Of("certificate_usage");
  EXPECT_THAT(finding.evidence,
              ElementsAre("file /data/server.crt: CN=db1 (position 0)", "extendedKeyUsage: not readable"));
  EXPECT_THAT(finding.why, HasSubstr("After the next reload or restart"));
  inventory.served_matches_file = true;  // it is judged as what is served
  SnapshotBuilder served;
  served.Publish(inventory);
  EXPECT_THAT(served.Ids(), testing::IsEmpty());
}

TEST(UsageFindings, AStandbysOwn) {
  const auto ids = [](std::optional<std::vector<std::string>> usage) {
    tls::CertificateInventory inventory;
    tls::FileReport file = {.role = "upstream", .path = "/pki/replica.crt"};
    file.content.certificates = {{0, Certificate("CN=replica", std::move(usage))}};
    inventory.files = {file};
    return SnapshotBuilder().Publish(inventory).Ids();
  };
  EXPECT_THAT(ids(std::nullopt), ElementsAre());
  EXPECT_THAT(ids({{"serverAuth", "clientAuth"}}), ElementsAre());
  EXPECT_THAT(ids({{"serverAuth"}}), ElementsAre("warning certificate_usage"));
  EXPECT_THAT(ids({{"anyExtendedKeyUsage"}}), ElementsAre("warning certificate_usage"));
}

}  // namespace
}  // namespace pgtls::audit
