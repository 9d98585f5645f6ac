#include "exporter/tls/needed_certificates.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "exporter/tls/certificate_file.h"
#include "tests/support/certificates.h"

namespace pgtls::tls {
namespace {

using std::chrono::days;
using support::TestCa;

// "1" for each certificate that is needed, "0" for each other.
std::string Needed(const std::string& pem) {
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  std::string text;
  for (const bool needed : NeededCertificates(ParseCertificateFile(pem, std::nullopt).decoded->certificates, now)) {
    text += needed ? '1' : '0';
  }
  return text;
}

class NeededCertificatesTest : public testing::Test {
 protected:
  TestCa root_{"Root"};
  TestCa issuing_ = root_.Intermediate("Issuing");
  TestCa expired_{"Expired", {.not_before = -days(90), .not_after = -days(1)}};
};

TEST_F(NeededCertificatesTest, OfAFewAuthoritiesEachIsNeeded) {
  EXPECT_EQ(Needed(root_.certificate() + expired_.certificate()), "11");
  EXPECT_EQ(Needed(expired_.certificate()), "1");
}

TEST_F(NeededCertificatesTest, ARenewedAuthorityReplacesTheOldOne) {
  const TestCa renewed = expired_.Renewed({.not_before = -days(2), .not_after = days(90)});
  EXPECT_EQ(Needed(expired_.certificate() + renewed.certificate()), "01");
  EXPECT_EQ(Needed(renewed.certificate() + root_.certificate() + expired_.certificate()), "110");
}

TEST_F(NeededCertificatesTest, InACollectionExpiredAuthoritiesAreNotNeeded) {
  std::string bundle = expired_.certificate();
  for (int i = 0; i < 25; ++i)
    bundle += TestCa("Root " + std::to_string(i), {.not_after = days(100 + i)}).certificate();
  const std::string needed = Needed(bundle);
  EXPECT_EQ(needed.front(), '0');
  EXPECT_EQ(needed.back(), '1') << "without the last one nothing is accepted";
  bundle.clear();
  for (int i = 0; i < 25; ++i) bundle += TestCa("Root " + std::to_string(i), {.not_after = -days(i + 1)}).certificate();
  EXPECT_EQ(Needed(bundle), std::string(25, '1')) << "all have expired";
}

TEST_F(NeededCertificatesTest, AChainNeedsItsPath) {
  const std::string leaf = issuing_.Issue({.common_name = "app"}).certificate;
  EXPECT_EQ(Needed(leaf + issuing_.certificate() + root_.certificate()), "111");
  // Issued by both: the path ends at the valid one.
  const TestCa old_root("Old root", {.not_before = -days(90), .not_after = -days(1)});
  const std::string cross = root_.CrossSigned(old_root).certificate();
  EXPECT_EQ(Needed(leaf + issuing_.certificate() + cross + old_root.certificate() + root_.certificate()), "11001");
  EXPECT_EQ(Needed(leaf + issuing_.certificate() + cross + old_root.certificate()), "1111") << "the only path";
}

// A client may have its certificate and the server's root in one file.
TEST_F(NeededCertificatesTest, AnotherRootBesideAChainIsNeeded) {
  const std::string leaf = issuing_.Issue({.common_name = "app"}).certificate;
  EXPECT_EQ(Needed(leaf + issuing_.certificate() + expired_.certificate()), "111");
}

TEST_F(NeededCertificatesTest, EveryCertificateThatIsNoAuthoritysIsNeeded) {
  const std::string old = issuing_.Issue({.common_name = "old", .not_after = -days(1)}).certificate;
  const std::string one = root_.Issue({.common_name = "one"}).certificate;
  EXPECT_EQ(Needed(one + old + issuing_.certificate() + root_.certificate()), "1111");
}

}  // namespace
}  // namespace pgtls::tls
