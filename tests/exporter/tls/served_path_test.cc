#include "exporter/tls/served_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/tls/certificate_file.h"
#include "tests/support/certificates.h"
#include "tests/support/files.h"

namespace pgtls::tls {
namespace {

using std::chrono::days;
using support::TestCa;
using testing::ElementsAre;

Chain ChainOf(const std::string& pem) { return ParseCertificateFile(pem, std::nullopt).decoded->certificates; }

double DaysLeft(const ServedPath& path) {
  return std::chrono::duration<double, days::period>(*path.not_after - std::chrono::system_clock::now()).count();
}

// The authority's key has two certificates: the root that clients have, and one by an older root that has expired.
class ServedPathTest : public testing::Test {
 protected:
  std::shared_ptr<const TrustStore> Roots(const std::string& pem) const {
    return TrustStore::Load(files_.Write("roots.crt", pem), "", "");
  }

  support::TempDir files_;
  TestCa old_{"Old", {.not_before = -days(900), .not_after = -days(10)}};
  TestCa cross_ = old_.Intermediate("Root", {.not_before = -days(900), .not_after = -days(10)});
  TestCa root_ = cross_.Renewed({.not_before = -days(900), .not_after = days(300)});
  TestCa issuing_ = root_.Intermediate("Issuing", {.not_before = -days(90), .not_after = days(50)});
  support::Certificate leaf_ = issuing_.Issue({.not_after = days(90)});
  std::string chain_ = leaf_.certificate + issuing_.certificate() + cross_.certificate();
};

TEST_F(ServedPathTest, WithTheClientsRootTheCrossSignedOneIsNotNeeded) {
  const ServedPath path = PathOf(ChainOf(chain_), Roots(root_.certificate()).get());
  EXPECT_THAT(path.needed, ElementsAre(true, true, false));
  EXPECT_NEAR(DaysLeft(path), 50, 1) << "an authority that ends before its leaf ends the leaf";
  ASSERT_TRUE(path.anchor);
  EXPECT_EQ(path.anchor->subject, "CN=Root");
  EXPECT_THAT(
      PathOf(ChainOf(chain_ + root_.certificate() + old_.certificate()), Roots(root_.certificate()).get()).needed,
      ElementsAre(true, true, false, true, false));
}

TEST_F(ServedPathTest, TheAnchorIsPartOfThePath) {
  const TestCa ending = root_.Renewed({.not_before = -days(900), .not_after = days(7)});
  const ServedPath path =
      PathOf(ChainOf(leaf_.certificate + issuing_.certificate()), Roots(ending.certificate()).get());
  EXPECT_NEAR(DaysLeft(path), 7, 1);
  EXPECT_EQ(path.anchor->not_after, path.not_after);
}

// The chain lacks the intermediate, which clients have beside the root.
TEST_F(ServedPathTest, OfWhatIsNotSentTheFirstEndCounts) {
  const ServedPath path = PathOf(ChainOf(leaf_.certificate), Roots(root_.certificate() + issuing_.certificate()).get());
  EXPECT_EQ(path.anchor->subject, "CN=Issuing");
  EXPECT_EQ(path.anchor->not_after, path.not_after);
}

TEST_F(ServedPathTest, ARootThatIsSentIsNoAnchorBeyondTheChain) {
  const std::string whole = leaf_.certificate + issuing_.certificate() + root_.certificate();
  EXPECT_EQ(PathOf(ChainOf(whole), Roots(root_.certificate()).get()).anchor, std::nullopt);
}

TEST_F(ServedPathTest, WithTheOldRootAloneItIsNeeded) {
  const ServedPath path = PathOf(ChainOf(chain_), Roots(old_.certificate()).get());
  EXPECT_THAT(path.needed, ElementsAre(true, true, true));
  EXPECT_NEAR(DaysLeft(path), -10, 1);
}

TEST_F(ServedPathTest, WithoutARootTheChainItselfCounts) {
  EXPECT_THAT(PathOf(ChainOf(chain_), nullptr).needed, ElementsAre(true, true, true));
  EXPECT_EQ(PathOf(ChainOf(chain_), nullptr).anchor, std::nullopt);
  const TestCa stranger("Stranger", {.not_before = -days(90), .not_after = -days(1)});
  EXPECT_THAT(PathOf(ChainOf(chain_ + stranger.certificate()), nullptr).needed, ElementsAre(true, true, true, false));
  EXPECT_THAT(PathOf(ChainOf(chain_), Roots(stranger.certificate()).get()).needed, ElementsAre(true, true, true));
  EXPECT_THAT(PathOf(ChainOf(leaf_.certificate + leaf_.certificate), nullptr).needed, ElementsAre(true, true));
  EXPECT_THAT(PathOf({}, nullptr).needed, testing::IsEmpty());
}

// With a root file and without one.
TEST_F(ServedPathTest, CertificatesForAnotherPurpose) {
  const auto wrong = [&](const TestCa& issuing, const std::string& usage, const std::string& more = "") {
    const std::string chain = issuing.Issue({.extended_key_usage = usage}).certificate + issuing.certificate() + more;
    const auto with = PathOf(ChainOf(chain), Roots(root_.certificate()).get()).wrong_purpose;
    EXPECT_EQ(PathOf(ChainOf(chain), nullptr).wrong_purpose, with);
    return with;
  };
  EXPECT_THAT(wrong(issuing_, ""), ElementsAre());
  EXPECT_THAT(wrong(issuing_, "serverAuth"), ElementsAre());
  EXPECT_THAT(wrong(issuing_, "clientAuth"), ElementsAre(0));
  EXPECT_THAT(wrong(issuing_, "anyExtendedKeyUsage"), ElementsAre(0));
  const TestCa for_clients = root_.Intermediate("Clients", {.extended_key_usage = "clientAuth"});
  EXPECT_THAT(wrong(for_clients, ""), ElementsAre(1));
  EXPECT_THAT(wrong(for_clients, "clientAuth"), ElementsAre(0, 1));
  EXPECT_THAT(wrong(issuing_, "", for_clients.certificate()), ElementsAre()) << "it is not on the path";
}

}  // namespace
}  // namespace pgtls::tls
