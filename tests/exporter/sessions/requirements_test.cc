#include "exporter/sessions/requirements.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgtls::sessions {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::string kLong = "/C=DE/O=An organization whose name is long/OU=Clients of the databases/CN=CA ";

Session Modern() {
  return {.database = "shop",
          .user = "app",
          .client_addr = "10.1.2.3",
          .client_port = 4000,
          .ssl = true,
          .version = "TLSv1.3",
          .cipher = "TLS_AES_256_GCM_SHA384",
          .client_certificate = true,
          .client_dn = "/CN=app",
          .issuer_dn = "/CN=Clients CA"};
}

// The reasons, then what is not known.
std::vector<std::string_view> Judge(const config::Requirement& entry, const Session& session,
                                    bool shows_certificates = true) {
  const std::vector<config::Requirement> entries = {entry};
  const Violations found = ViolationsOf(session, OriginOf(session), entries, shows_certificates);
  std::vector<std::string_view> words;
  for (std::size_t i = 0; i < kViolationReasons.size(); ++i) {
    if (found.reasons[i]) words.push_back(kViolationReasons[i]);
  }
  EXPECT_EQ(found.any(), !words.empty());
  if (found.not_shown) words.emplace_back("not shown");
  if (found.issuer_cut) words.emplace_back("cut");
  return words;
}

TEST(Requirements, VersionsAreOrdered) {
  Session session = Modern();
  EXPECT_THAT(Judge({.min_version = "TLSv1.3"}, session), IsEmpty());
  for (const char* const older : {"TLSv1.2", "TLSv1.1", "TLSv1"}) {
    session.version = older;
    EXPECT_THAT(Judge({.min_version = "TLSv1.3"}, session), ElementsAre("version")) << older;
  }
  session.version = "TLSv1.2";
  EXPECT_THAT(Judge({.min_version = "TLSv1.2"}, session), IsEmpty());
  session.version = "";
  EXPECT_THAT(Judge({.min_version = "TLSv1.2"}, session), ElementsAre("not shown"));
}

TEST(Requirements, CiphersAreListed) {
  Session session = Modern();
  EXPECT_THAT(Judge({.ciphers = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"}}, session), IsEmpty());
  EXPECT_THAT(Judge({.ciphers = {"TLS_AES_128_GCM_SHA256"}}, session), ElementsAre("cipher"));
  session.cipher = "";  // PgBouncer 1.25 and later, with TLS 1.3
  EXPECT_THAT(Judge({.ciphers = {"TLS_AES_256_GCM_SHA384"}}, session), ElementsAre("not shown"));
}

TEST(Requirements, IssuersOfClientCertificates) {
  Session session = Modern();
  EXPECT_THAT(Judge({.client_issuers = {"/CN=Other", "/CN=Clients CA"}}, session), IsEmpty());
  EXPECT_THAT(Judge({.client_issuers = {"/CN=Clients"}}, session), ElementsAre("client_issuer"));
  session.client_certificate = false;
  session.issuer_dn = "";
  EXPECT_THAT(Judge({.client_issuers = {"/CN=Clients CA"}}, session), ElementsAre("client_issuer"));
  EXPECT_THAT(Judge({.client_issuers = {"/CN=Clients CA"}}, session, false), ElementsAre("not shown"));
}

TEST(Requirements, ANameThatIsCutIsNoProof) {
  Session session = Modern();
  const std::string shown = kLong.substr(0, 63);
  session.issuer_dn = shown;
  EXPECT_THAT(Judge({.client_issuers = {kLong + "1"}}, session), ElementsAre("cut")) << "it may be that of CA 2";
  EXPECT_THAT(Judge({.client_issuers = {shown}}, session), IsEmpty()) << "an operator who writes this accepts both";
  EXPECT_THAT(Judge({.client_issuers = {"/CN=Other"}}, session), ElementsAre("client_issuer"));
  session.issuer_dn = std::string_view(shown).substr(0, 62);
  EXPECT_THAT(Judge({.client_issuers = {kLong + "1"}}, session), ElementsAre("client_issuer"))
      << "whole, and another one";
}

TEST(Requirements, SelectsByUserDatabaseAndAddress) {
  const Session session = Modern();
  const std::optional<std::string> version = "TLSv1.3";
  Session old = session;
  old.version = "TLSv1.2";
  EXPECT_THAT(
      Judge({.user = "app", .database = "shop", .client_addr = Cidr::Parse("10.0.0.0/8"), .min_version = version}, old),
      ElementsAre("version"));
  EXPECT_THAT(Judge({.user = "other", .min_version = version}, old), IsEmpty());
  EXPECT_THAT(Judge({.database = "other", .min_version = version}, old), IsEmpty());
  EXPECT_THAT(Judge({.client_addr = Cidr::Parse("10.9.0.0/16"), .min_version = version}, old), IsEmpty());
}

TEST(Requirements, EveryEntryThatSelectsCounts) {
  const std::vector<config::Requirement> entries = {{.min_version = "TLSv1.2"},
                                                    {.user = "app", .ciphers = {"X"}},
                                                    {.user = "bob", .min_version = "TLSv1.3"},
                                                    {.client_issuers = {"/CN=Other"}}};
  Session session = Modern();
  session.version = "TLSv1.2";
  const Violations found = ViolationsOf(session, OriginOf(session), entries, true);
  EXPECT_THAT(found.reasons, ElementsAre(false, true, true));
}

}  // namespace
}  // namespace pgtls::sessions
