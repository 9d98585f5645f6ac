// Groups of the key exchange, and cipher suites of TLS 1.3.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/exporter/audit/snapshot.h"

namespace pgtls::audit {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

SnapshotBuilder With(const std::string& name, const std::string& value, const std::string& ssl = "on") {
  return SnapshotBuilder().Publish(Settings({{"ssl", ssl}, {name, value}}));
}

TEST(CheckKeyExchange, WeakGroups) {
  for (const char* groups : {"secp192k1", "prime192v1", "X25519:P-192", "sect163r1", "prime256v1:brainpoolP160r1",
                             "X25519/?*secp160r2", "oakley-EC2N-4", "secp112r1", "c2pnb163v1"}) {
    EXPECT_THAT(With("ssl_groups", groups).Ids(), Contains("warning weak_groups")) << groups;
  }
}

TEST(CheckKeyExchange, OtherGroupsAreFine) {
  for (const char* groups :
       {"X25519:prime256v1", "prime256v1", "X25519MLKEM768:X25519", "secp224r1", "P-256:P-384:P-521", "x448",
        "ffdhe2048", "brainpoolP256r1", "DEFAULT", "", "prime239v1", "-secp192r1", "SecP256r1MLKEM768"}) {
    EXPECT_THAT(With("ssl_groups", groups).Ids(), Not(Contains(HasSubstr("weak_groups")))) << groups;
  }
  EXPECT_THAT(With("ssl_groups", "secp192k1", "off").Ids(), Not(Contains(HasSubstr("weak_groups"))));
}

TEST(CheckKeyExchange, TheRemedyNamesTheSettingOfThisServer) {
  const Finding older = With("ssl_ecdh_curve", "prime192v1").Of("weak_groups");
  EXPECT_THAT(older.evidence, ElementsAre("ssl_ecdh_curve = 'prime192v1'", "fewer than 224 bits: prime192v1"));
  EXPECT_THAT(older.remedy, HasSubstr("SET ssl_ecdh_curve = 'prime256v1';"));
  EXPECT_THAT(With("ssl_groups", "prime192v1").Of("weak_groups").remedy,
              HasSubstr("SET ssl_groups = 'X25519:prime256v1';"));
}

TEST(CheckKeyExchange, CipherSuitesOfTls13) {
  EXPECT_THAT(
      With("ssl_tls13_ciphers", "TLS_AES_256_GCM_SHA384:TLS_AES_128_CCM_8_SHA256").Of("weak_tls13_ciphers").evidence,
      Contains("weak: TLS_AES_128_CCM_8_SHA256"));
  EXPECT_THAT(With("ssl_tls13_ciphers", "TLS_SHA256_SHA256").Ids(), Contains("warning weak_tls13_ciphers"));
  for (const char* fine : {"", "TLS_AES_256_GCM_SHA384", "TLS_AES_128_CCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"}) {
    EXPECT_THAT(With("ssl_tls13_ciphers", fine).Ids(), Not(Contains(HasSubstr("tls13")))) << fine;
  }
  EXPECT_THAT(With("ssl_tls13_ciphers", "TLS_SHA256_SHA256", "off").Ids(), Not(Contains(HasSubstr("tls13"))));
}

}  // namespace
}  // namespace pgtls::audit
