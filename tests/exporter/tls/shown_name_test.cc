#include "exporter/tls/shown_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/tls/certificate_file.h"
#include "tests/support/certificates.h"

namespace pgtls::tls {
namespace {

std::string Shown(const std::string& organization, const std::string& common_name) {
  const std::string pem = support::SelfSigned({.common_name = common_name, .organization = organization}).certificate;
  const CertificateFile file = ParseCertificateFile(pem, std::nullopt);
  return ShownName(X509_get_subject_name(file.decoded->certificates.front().get()));
}

TEST(ShownName, AsPostgresqlWritesIt) {
  EXPECT_EQ(Shown("Example", "bob"), "/O=Example/CN=bob");
  EXPECT_EQ(Shown("Example, Inc", "Jürgen"), "/O=Example\\, Inc/CN=Jürgen");
  EXPECT_EQ(Shown("", std::string(64, 'x')).size(), 63u);
}

TEST(ShownName, BesideTheSubjectOfAnIndex) {
  EXPECT_TRUE(MayBeShownAs("/O=Example, Inc/CN=Jürgen", "/O=Example\\, Inc/CN=Jürgen"));
  EXPECT_FALSE(MayBeShownAs("/CN=bobby", "/CN=bob"));
  EXPECT_FALSE(MayBeShownAs("/CN=bob", "/CN=bobby"));
  const std::string longer = "/CN=" + std::string(64, 'x');
  EXPECT_TRUE(MayBeShownAs(longer, longer.substr(0, 63)));
  EXPECT_FALSE(MayBeShownAs("/CN=" + std::string(64, 'y'), longer.substr(0, 63)));
  // The cut is within a character.
  const std::string umlauts = "/CN=" + std::string(58, 'x') + "ää";
  EXPECT_TRUE(MayBeShownAs(umlauts, umlauts.substr(0, 63)));
}

}  // namespace
}  // namespace pgtls::tls
