#include "exporter/tls/private_key.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "tests/support/certificates.h"
#include "tests/support/process.h"

namespace pgtls::tls {
namespace {

constexpr uid_t kServer = 105;

TEST(PrivateKeyTest, Mode) {
  EXPECT_TRUE(KeyModeOk({.mode = 0600, .owner = kServer}));
  EXPECT_TRUE(KeyModeOk({.mode = 0400, .owner = kServer}));
  EXPECT_FALSE(KeyModeOk({.mode = 0640, .owner = kServer}));
  EXPECT_FALSE(KeyModeOk({.mode = 0604, .owner = kServer}));
  EXPECT_TRUE(KeyModeOk({.mode = 0640, .owner = 0}));
  EXPECT_FALSE(KeyModeOk({.mode = 0644, .owner = 0}));
  EXPECT_FALSE(KeyModeOk({.mode = 0660, .owner = 0}));
  EXPECT_FALSE(KeyModeOk({.mode = 0650, .owner = 0}));
  EXPECT_FALSE(KeyModeOk({.regular = false, .mode = 0600, .owner = kServer}));
}

TEST(PrivateKeyTest, Owner) {
  EXPECT_TRUE(KeyOwnerOk({.owner = kServer}, kServer));
  EXPECT_TRUE(KeyOwnerOk({.owner = 0}, kServer));
  EXPECT_FALSE(KeyOwnerOk({.owner = 1000}, kServer));
}

TEST(PrivateKeyTest, MatchesTheFirstCertificate) {
  const support::TestCa ca;
  const support::Certificate one = ca.Issue({.common_name = "one"});
  const support::Certificate two = ca.Issue({.common_name = "two", .key = support::KeyType::kRsa2048});
  EXPECT_EQ(KeyMatchesCertificate(one.key, one.certificate + two.certificate), true);
  EXPECT_EQ(KeyMatchesCertificate(two.key, one.certificate + two.certificate), false);
  EXPECT_EQ(KeyMatchesCertificate(two.key, two.certificate), true);
  EXPECT_EQ(KeyMatchesCertificate("no key", one.certificate), false);
  EXPECT_EQ(KeyMatchesCertificate(one.key, "no certificate"), std::nullopt);
}

TEST(PrivateKeyTest, AnEncryptedKeyCannotBeJudged) {
  const support::Certificate one = support::SelfSigned({});
  support::ProcessOptions options;
  options.input = one.key;
  const std::string encrypted = support::MustRun({"openssl", "pkey", "-aes256", "-passout", "pass:x"}, options);
  EXPECT_EQ(KeyMatchesCertificate(encrypted, one.certificate), std::nullopt);
}

}  // namespace
}  // namespace pgtls::tls
