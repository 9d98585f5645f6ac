// What the audit says about other names than the server's own.
#include <gmock/gmock.h>

#include "tests/exporter/audit/snapshot.h"

namespace pgtls::audit {
namespace {

using std::chrono::days;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

tls::CertificateFacts Certificate(days left) {
  return {.not_before = kNow - days(400), .not_after = kNow + left, .subject = "CN=x"};
}

tls::NameFacts Name(const std::string& host, std::optional<bool> handshake) {
  tls::NameFacts name;
  name.host = host;
  name.handshake = handshake;
  return name;
}

TEST(CheckNames, TellsWhichNamesAreRefusedAndWhatPreferDoesThere) {
  tls::EndpointFacts endpoint = Endpoint();
  endpoint.names = {Name("a.example", true), Name("b.example", false), Name("c.example", std::nullopt)};
  endpoint.names[1].alert = 112;
  EXPECT_THAT(SnapshotBuilder().Publish(endpoint).Ids(), ElementsAre("critical name_refused", "fine names_served"));
  const auto why = [&](std::optional<bool> plaintext, const char* id) {
    endpoint.plaintext_accepted = plaintext;
    return SnapshotBuilder().Publish(endpoint).Of(id).why;
  };
  EXPECT_THAT(why(true, "name_refused"), HasSubstr("silently falls back to plaintext, which the server accepts"));
  EXPECT_THAT(why(false, "name_refused"), HasSubstr("falls back to plaintext, which the server refuses"));
  EXPECT_THAT(why(std::nullopt, "name_refused"), HasSubstr("if the server admits it"));
  EXPECT_THAT(SnapshotBuilder().Publish(endpoint).Of("name_refused").evidence,
              ElementsAre("asked for b.example: refused (unrecognized_name)"));
}

TEST(CheckNames, ARefusalWithoutSniMattersWherePlaintextIsAccepted) {
  tls::EndpointFacts endpoint = Endpoint();
  endpoint.names = {Name("/no_sni/", false)};
  endpoint.names[0].failure = "sslv3 alert handshake failure";
  EXPECT_THAT(SnapshotBuilder().Publish(endpoint).Ids(), ElementsAre("note no_sni_refused"));
  endpoint.plaintext_accepted = true;
  EXPECT_THAT(SnapshotBuilder().Publish(endpoint).Ids(), Contains("warning no_sni_refused"));
}

TEST(CheckNames, VerifiesTheCertificateOfEachName) {
  tls::EndpointFacts endpoint = Endpoint();
  endpoint.names = {Name("a.example", true), Name("b.example", true)};
  endpoint.names[0].hostname_ok = false;
  endpoint.names[0].hostname_error = "mismatch";
  endpoint.names[1].chain_errors = {"expired"};
  endpoint.names[1].certificate = tls::CertificateFacts{.subject = "CN=\x1b[31m"};
  EXPECT_THAT(SnapshotBuilder().Publish(endpoint).Ids(),
              ElementsAre("critical chain_not_verified", "warning wrong_host", "fine names_served"));
  EXPECT_THAT(SnapshotBuilder().Publish(endpoint).Of("wrong_host").evidence,
              Contains("clients ask for a.example: mismatch"));
  EXPECT_THAT(SnapshotBuilder().Publish(endpoint).Of("chain_not_verified").evidence,
              ElementsAre("asked for b.example: expired", "the certificate's subject: CN=\\x1b[31m"));
}

TEST(CheckNames, NamesTheCertificateOfEachName) {
  tls::CertificateInventory inventory;
  inventory.served = {Certificate(days(300))};
  inventory.names = {{"a.example", {Certificate(days(3))}, {}}, {"/no_sni/", {Certificate(days(20))}, {}}};
  EXPECT_THAT(SnapshotBuilder().Publish(inventory).Ids(),
              ElementsAre("critical certificate_expiring", "warning certificate_expiring", "fine certificate_valid"));
  const Finding finding = SnapshotBuilder().Publish(inventory).Of("certificate_expiring");
  EXPECT_THAT(finding.title, HasSubstr("The certificate for a.example expires in 3 days"));
  EXPECT_THAT(finding.evidence, Contains(HasSubstr("served to a.example: ")));
}

TEST(CheckNames, TellsWhatHappensToNamesThatPgHostsConfDoesNotHave) {
  tls::HostsFile hosts;
  EXPECT_THAT(SnapshotBuilder().Publish(hosts).Ids(), IsEmpty()) << "without entries it is not in use";
  hosts.entries = {{"a.example", "/a.crt", ""}};
  EXPECT_THAT(SnapshotBuilder().Publish(hosts).Ids(), ElementsAre("note names_uncovered"));
  tls::EndpointFacts endpoint = Endpoint();
  endpoint.plaintext_accepted = true;
  EXPECT_THAT(SnapshotBuilder().Publish(hosts).Publish(endpoint).Ids(), Contains("warning names_uncovered"));
  EXPECT_THAT(SnapshotBuilder().Publish(hosts).Publish(endpoint).Of("names_uncovered").why,
              HasSubstr("silently falls back to plaintext"));
  hosts.entries.push_back({"*", "/rest.crt", ""});
  EXPECT_THAT(SnapshotBuilder().Publish(hosts).Ids(), IsEmpty());
}

TEST(CheckNames, AnErrorInPgHostsConfIsCriticalAndNamesItsLine) {
  tls::HostsFile hosts;
  hosts.errors = {{"/data/pg_hosts.conf", 3, "the key is missing"}, {"/data/more.conf", 0, "missing"}};
  EXPECT_THAT(SnapshotBuilder().Publish(hosts).Ids(), ElementsAre("critical hosts_errors"));
  EXPECT_THAT(SnapshotBuilder().Publish(hosts).Of("hosts_errors").evidence,
              ElementsAre("/data/pg_hosts.conf:3: the key is missing", "/data/more.conf: missing"));
}

TEST(CheckNames, AFileOfPgHostsConfIsJudgedByWhoGetsIt) {
  tls::CertificateInventory inventory;
  inventory.hosts = tls::HostsFile{{{"a.example", "/a.crt", ""}, {"*", "/rest.crt", ""}}, {}, false};
  for (const char* path : {"/a.crt", "/rest.crt"}) {
    tls::FileReport file{"server", path, "", {}};
    file.content.certificates.push_back({0, Certificate(days(-1))});
    inventory.files.push_back(file);
  }
  inventory.names = {{"a.example", {Certificate(days(300))}, {}, false}};
  inventory.files[0].is_served = false;
  inventory.served_matches_file = false;  // says nothing of the other names' files
  EXPECT_THAT(SnapshotBuilder().Publish(inventory).Ids(),
              ElementsAre("critical certificate_expired", "warning served_not_file", "warning certificate_expired",
                          "fine certificate_valid"));
  const Finding finding = SnapshotBuilder().Publish(inventory).Of("served_not_file");
  EXPECT_THAT(finding.title, HasSubstr("a.example"));
  EXPECT_THAT(finding.evidence, Not(Contains(HasSubstr("/rest.crt"))));
}

}  // namespace
}  // namespace pgtls::audit
