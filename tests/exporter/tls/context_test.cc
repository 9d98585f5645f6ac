#include "exporter/tls/context.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "exporter/base/error.h"
#include "tests/support/certificates.h"
#include "tests/support/files.h"
#include "tests/support/process.h"

namespace pgtls::tls {
namespace {

TEST(ContextTest, DebiansOpensslCanTryEveryVersion) {
  EXPECT_EQ(TriableVersions(), (std::vector<std::string_view>{"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"}));
}

TEST(ContextTest, VersionNames) {
  EXPECT_EQ(ProtocolVersion("tlsv1.2"), TLS1_2_VERSION);
  EXPECT_EQ(ProtocolVersion("TLSv1"), TLS1_VERSION);
  EXPECT_EQ(ProtocolVersion("SSLv3"), std::nullopt);
}

TEST(ContextTest, ContextsAreShared) {
  EXPECT_EQ(LibpqContext("TLSv1.2", ""), LibpqContext("TLSv1.2", ""));
  EXPECT_NE(LibpqContext("TLSv1.2", ""), LibpqContext("TLSv1.2", "TLSv1.2"));
  EXPECT_EQ(SSL_CTX_get_max_proto_version(LibpqContext("TLSv1.2", "TLSv1.2").get()), TLS1_2_VERSION);
  EXPECT_EQ(PermissiveContext(), PermissiveContext());
  EXPECT_EQ(SSL_CTX_get_security_level(PermissiveContext().get()), 0);
  EXPECT_THROW(LibpqContext("SSLv3", ""), TlsError);
}

class ClientIdentityTest : public ::testing::Test {
 protected:
  bool Loads(const std::string& cert, const std::string& key, const std::string& password = "") {
    try {
      const auto identity = ClientIdentity::Load(cert, key, password);
      const SslPtr ssl(SSL_new(LibpqContext("TLSv1.2", "").get()));
      return identity->Use(ssl.get());
    } catch (const TlsError&) {
      return false;
    }
  }

  support::TempDir dir_;
  support::Certificate client_ = support::TestCa().Issue({.common_name = "ann"});
  std::string cert_ = dir_.Write("client.crt", client_.chain);
  std::string key_ = dir_.Write("client.key", client_.key);
};

TEST_F(ClientIdentityTest, PemAndDerKeys) {
  EXPECT_TRUE(Loads(cert_, key_));
  support::ProcessOptions options;
  options.input = client_.key;
  const std::string der = support::MustRun({"openssl", "pkey", "-outform", "DER"}, options);
  EXPECT_TRUE(Loads(cert_, dir_.Write("client.der", der)));
}

TEST_F(ClientIdentityTest, WhatLibpqRefuses) {
  EXPECT_FALSE(Loads(cert_, dir_.path() + "/missing"));
  EXPECT_FALSE(Loads(cert_, dir_.Write("open.key", client_.key, 0604)));
  EXPECT_FALSE(Loads(cert_, dir_.path()));
  EXPECT_FALSE(Loads(cert_, dir_.Write("other.key", support::SelfSigned({}).key)));
  EXPECT_FALSE(Loads(dir_.Write("text.crt", "no certificate"), key_));
}

TEST_F(ClientIdentityTest, TheSystemsSecurityLevelCounts) {
  const support::Certificate weak = support::SelfSigned({.key = support::KeyType::kRsa1024});
  EXPECT_FALSE(Loads(dir_.Write("weak.crt", weak.certificate), dir_.Write("weak.key", weak.key)));
}

TEST_F(ClientIdentityTest, EncryptedKeysNeedThePasswordAndNobodyIsAsked) {
  support::ProcessOptions options;
  options.input = client_.key;
  const std::string key =
      dir_.Write("enc.key", support::MustRun({"openssl", "pkey", "-aes256", "-passout", "pass:secret"}, options));
  EXPECT_TRUE(Loads(cert_, key, "secret"));
  EXPECT_FALSE(Loads(cert_, key, "wrong"));
  EXPECT_FALSE(Loads(cert_, key));
}

}  // namespace
}  // namespace pgtls::tls
