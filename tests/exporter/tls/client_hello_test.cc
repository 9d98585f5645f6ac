// With a real OpenSSL as the server, over memory.
#include "exporter/tls/client_hello.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "exporter/tls/negotiation.h"
#include "exporter/tls/openssl.h"
#include "tests/exporter/tls/scripted_peer.h"

namespace pgtls::tls {
namespace {

using std::string_literals::operator""s;
using enum HelloReader::Answer;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class ClientHelloTest : public ::testing::Test {
 protected:
  // What the server answers.
  std::string AnswerTo(const std::string& hello) {
    const SslPtr ssl(SSL_new(context_.native_handle()));
    BIO* const in = BIO_new(BIO_s_mem());
    BIO* const out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl.get(), in, out);
    SSL_set_accept_state(ssl.get());
    BIO_write(in, hello.data(), static_cast<int>(hello.size()));
    SSL_do_handshake(ssl.get());
    if (const char* const name = SSL_get_servername(ssl.get(), TLSEXT_NAMETYPE_host_name)) sni_ = name;
    return DrainBio(out);
  }
  void Groups(const char* groups) {
    ASSERT_EQ(SSL_CTX_set1_groups_list(context_.native_handle(), groups), 1) << groups;
  }

  support::Certificate certificate_ = support::TestCa().IssueForLocalhost();
  asio::ssl::context context_ = testing::ServerContext(certificate_);
  std::string sni_;
};

HelloReader::Answer Read(std::string_view group, const std::string& bytes) {
  HelloReader whole(group);
  whole.Feed(bytes);
  HelloReader pieces(group);
  for (const char& c : bytes) pieces.Feed({&c, 1});
  EXPECT_EQ(whole.answer(), pieces.answer());
  return whole.End();
}

TEST_F(ClientHelloTest, AServerAsksForAKeyShareOfAGroupThatItKnows) {
  Groups("P-256:X25519");
  EXPECT_EQ(Read("X25519", AnswerTo(ClientHello("X25519", ""))), kAccepted);
  EXPECT_EQ(Read("P-256", AnswerTo(ClientHello("P-256", ""))), kAccepted);
  EXPECT_EQ(Read("P-384", AnswerTo(ClientHello("P-384", ""))), kRefused);
  EXPECT_EQ(Read("X25519MLKEM768", AnswerTo(ClientHello("X25519MLKEM768", ""))), kRefused);
  Groups("P-384");
  EXPECT_EQ(Read("P-384", AnswerTo(ClientHello("P-384", ""))), kAccepted);
  EXPECT_EQ(Read("X25519", AnswerTo(ClientHello("X25519", ""))), kRefused);
}

TEST_F(ClientHelloTest, TheGroupAloneDecides) {
  Groups("X25519");
  for (const char* const cipher :
       {"TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_CCM_SHA256"}) {
    ASSERT_EQ(SSL_CTX_set_ciphersuites(context_.native_handle(), cipher), 1);
    EXPECT_EQ(Read("X25519", AnswerTo(ClientHello("X25519", ""))), kAccepted) << cipher;
  }
}

TEST_F(ClientHelloTest, NamesTheHostAsAClientDoes) {
  AnswerTo(ClientHello("X25519", "db.example.com"));
  EXPECT_EQ(sni_, "db.example.com");
  sni_.clear();
  AnswerTo(ClientHello("X25519", "10.0.0.1"));
  EXPECT_EQ(sni_, "");
}

TEST_F(ClientHelloTest, AServerWithoutTls13ProvesNothing) {
  SSL_CTX_set_max_proto_version(context_.native_handle(), TLS1_2_VERSION);
  EXPECT_EQ(Read("X25519", AnswerTo(ClientHello("X25519", ""))), kOther);
}

TEST_F(ClientHelloTest, AKeyShareOfAnotherGroupProvesNothing) {
  Groups("X25519");
  EXPECT_EQ(Read("P-256", AnswerTo(ClientHello("X25519", ""))), kOther);
}

// Each byte in turn is another one: nothing else than the untouched answer is an acceptance.
TEST_F(ClientHelloTest, ADamagedAnswerIsNoAcceptance) {
  Groups("X25519");
  const std::string answer = AnswerTo(ClientHello("X25519", ""));
  const auto byte = [&](std::size_t i) -> std::size_t { return static_cast<unsigned char>(answer[i]); };
  const std::size_t record = 5 + (byte(3) << 8 | byte(4));
  const std::string retry = answer.substr(0, record);
  ASSERT_EQ(Read("X25519", retry), kAccepted);
  // Record version; session, cipher suite and compression are not looked at, but the session's length is.
  const std::size_t session = 5 + 4 + 2 + 32 + 1;
  for (std::size_t i = 0; i < retry.size(); ++i) {
    const bool ignored = i == 1 || i == 2 || (i >= session && i < session + 32 + 3);
    std::string damaged = retry;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    EXPECT_EQ(Read("X25519", damaged) == kAccepted, ignored) << i;
  }
  for (std::size_t length = 0; length < retry.size(); ++length)
    EXPECT_EQ(Read("X25519", retry.substr(0, length)), kOther) << length;
}

TEST(HelloReaderTest, AnAlertIsARefusalIfItStandsForNothingInCommon) {
  EXPECT_EQ(Read("P-256", "\x15\3\3\0\2\2\x28"s), kRefused);  // handshake_failure
  EXPECT_EQ(Read("P-256", "\x15\3\3\0\2\2\x47"s), kRefused);  // insufficient_security
  EXPECT_EQ(Read("P-256", "\x15\3\3\0\2\2\x46"s), kOther);    // protocol_version
  EXPECT_EQ(Read("P-256", "\x15\3\3\0\2\2\x70"s), kOther);    // unrecognized_name
  EXPECT_EQ(Read("P-256", "\x15\3\3\0\2\1\x70\x15\3\3\0\2\2\x28"s), kRefused) << "a warning comes before it";
  EXPECT_EQ(Read("P-256", "\x15\3\3\0\1\2"s), kOther);
  EXPECT_EQ(Read("P-256", "\x15\3\3\0\3\2\x28\x28"s), kOther);
}

TEST(HelloReaderTest, WhatIsNotTlsProvesNothing) {
  EXPECT_EQ(Read("P-256", ""), kOther);
  EXPECT_EQ(Read("P-256", "E\0\0\0\x27SFATAL\0C53300\0Msorry\0\0"s), kOther);
  EXPECT_EQ(Read("P-256", "\x16\3\3\xff\xff"s), kOther) << "longer than a record can be";
  EXPECT_EQ(Read("P-256", "\x16\3\3\0\4\2\xff\xff\xff"s), kOther) << "longer than a ServerHello can be";
  EXPECT_EQ(Read("P-256", "\x16\3\3\0\0"s), kOther) << "an empty record (RFC 8446, 5.1)";
}

TEST(HelloReaderTest, KnowsOpenSslsNames) {
  EXPECT_EQ(KeyExchangeGroup("prime256v1"), "P-256");
  EXPECT_EQ(KeyExchangeGroup("X25519MLKEM768"), "X25519MLKEM768");
  EXPECT_EQ(KeyExchangeGroup("secp521r1"), std::nullopt);
  for (const std::string_view group : kKeyExchangeGroups)
    EXPECT_THAT(ClientHello(group, "a.example"), AllOf(HasSubstr("a.example"), HasSubstr(kAlpn), Not(HasSubstr("b."))));
}

}  // namespace
}  // namespace pgtls::tls
