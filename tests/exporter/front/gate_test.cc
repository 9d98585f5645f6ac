// The whole server under a web configuration: TLS, users, limits, and changes while it runs.
#include "exporter/access/gate.h"

#include <crypt.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "exporter/base/error.h"
#include "exporter/front/server.h"
#include "exporter/tls/openssl.h"
#include "tests/exporter/front/client.h"
#include "tests/support/certificates.h"
#include "tests/support/files.h"

namespace pgtls::front {
namespace {

using ::testing::HasSubstr;

std::string Hash(const std::string& password) {
  crypt_data data{};
  return crypt_r(password.c_str(), "$2y$04$abcdefghijklmnopqrstuu", &data);
}

constexpr const char* kRequest = "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
constexpr const char* kAlice = "Authorization: Basic YWxpY2U6c2VjcmV0\r\n";  // alice:secret
constexpr const char* kTls = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n";

class GateTest : public ::testing::Test {
 protected:
  GateTest() { WriteCertificate(); }

  void WriteCertificate() {
    certificate_ = ca_.IssueForLocalhost();
    dir_.Write("server.crt", certificate_.chain);
    dir_.Write("server.key", certificate_.key);
    dir_.Write("ca.crt", ca_.certificate());
  }

  // Replaces the file as an editor does.
  void Configure(const std::string& text) {
    const std::string path = dir_.Write("new.yml", text);
    ASSERT_EQ(rename(path.c_str(), file().c_str()), 0);
  }
  std::string file() const { return dir_.path() + "/web.yml"; }

  void Start(const std::string& text) {
    Configure(text);
    std::vector<http::Route> routes = {
        {"/metrics", {"GET"}, [](const http::Request&) { return http::Response{.body = "page"}; }, "metrics"}};
    server_ = std::make_unique<Server>(ServerOptions{.listen_addresses = {"127.0.0.1:0"}, .web_config_file = file()},
                                       std::move(routes), nullptr);
    address_ = server_->addresses()[0];
  }

  // A client that trusts the CA; `own`: its certificate.
  tls::SslCtxPtr Context(const support::Certificate* own = nullptr) {
    tls::SslCtxPtr context(SSL_CTX_new(TLS_client_method()));
    const auto ca = tls::ReadBio(ca_.certificate());
    const tls::X509Ptr root(PEM_read_bio_X509(ca.get(), nullptr, nullptr, nullptr));
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), root.get());
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    if (own != nullptr) {
      const auto certificate = tls::ReadBio(own->certificate);
      const auto key = tls::ReadBio(own->key);
      const tls::X509Ptr leaf(PEM_read_bio_X509(certificate.get(), nullptr, nullptr, nullptr));
      const tls::EvpPkeyPtr private_key(PEM_read_bio_PrivateKey(key.get(), nullptr, nullptr, nullptr));
      SSL_CTX_use_certificate(context.get(), leaf.get());
      SSL_CTX_use_PrivateKey(context.get(), private_key.get());
    }
    return context;
  }

  // 0: no handshake, or cut behind it.
  int StatusOverTls(SSL_CTX* context, const std::string& extra = "") {
    Client client(address_);
    if (!client.StartTls(context)) return 0;
    client.Send(kRequest + extra + "\r\n");
    return client.ReadAnswer().status;
  }
  int Status(const std::string& extra = "") { return Get(address_, "/metrics", extra).status; }

  support::TempDir dir_;
  support::TestCa ca_;
  support::Certificate certificate_;
  std::string address_;
  std::unique_ptr<Server> server_;
};

TEST_F(GateTest, SpeaksTls) {
  Start(kTls);
  Client client(address_);
  const auto context = Context();
  ASSERT_TRUE(client.StartTls(context.get()));
  EXPECT_STREQ(SSL_get_version(client.ssl()), "TLSv1.3");
  client.Send("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\nGET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(client.ReadAnswer().body, "page");
  EXPECT_EQ(client.ReadAnswer().body, "page");
  EXPECT_EQ(client.ReadToEnd(), "");
  // A proper end, not a cut.
  EXPECT_TRUE(SSL_get_shutdown(client.ssl()) & SSL_RECEIVED_SHUTDOWN);
}

TEST_F(GateTest, TellsAPlainClientThatItIsHttps) {
  Start(kTls);
  const Answer answer = Get(address_, "/metrics");
  EXPECT_EQ(answer.status, 400);
  EXPECT_THAT(answer.body, HasSubstr("HTTPS"));
}

TEST_F(GateTest, KeepsToVersionsSuitesCurvesAndAlpn) {
  Start(std::string(kTls) +
        "  min_version: TLS12\n  max_version: TLS12\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]\n"
        "  curve_preferences: [CurveP384]\n");
  const auto context = Context();
  Client client(address_);
  ASSERT_TRUE(client.StartTls(context.get()));
  EXPECT_STREQ(SSL_get_version(client.ssl()), "TLSv1.2");
  EXPECT_STREQ(SSL_get_cipher_name(client.ssl()), "ECDHE-ECDSA-AES256-GCM-SHA384");
  EXPECT_EQ(SSL_get_negotiated_group(client.ssl()), NID_secp384r1);
  const auto other_suite = Context();
  SSL_CTX_set_cipher_list(other_suite.get(), "ECDHE-ECDSA-AES128-GCM-SHA256");
  EXPECT_EQ(StatusOverTls(other_suite.get()), 0);
  const auto newer = Context();
  SSL_CTX_set_min_proto_version(newer.get(), TLS1_3_VERSION);
  EXPECT_EQ(StatusOverTls(newer.get()), 0);
  const auto h2 = Context();
  SSL_CTX_set_alpn_protos(h2.get(), reinterpret_cast<const unsigned char*>("\x02h2"), 3);
  EXPECT_EQ(StatusOverTls(h2.get()), 0);
  SSL_CTX_set_alpn_protos(h2.get(), reinterpret_cast<const unsigned char*>("\x02h2\x08http/1.1"), 12);
  EXPECT_EQ(StatusOverTls(h2.get()), 200);
}

// TLS 1.1 too has suites of its own to speak with; without being asked for it is not spoken.
TEST_F(GateTest, SpeaksOldVersionsWhereItIsTold) {
  const auto old = Context();
  SSL_CTX_set_security_level(old.get(), 0);
  SSL_CTX_set_cipher_list(old.get(), "ALL");
  SSL_CTX_set_min_proto_version(old.get(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(old.get(), TLS1_1_VERSION);
  Start(kTls);
  EXPECT_EQ(StatusOverTls(old.get()), 0);
  Start(std::string(kTls) + "  min_version: TLS11\n");
  EXPECT_EQ(StatusOverTls(old.get()), 200);
  SSL_CTX_set_max_proto_version(old.get(), TLS1_VERSION);
  EXPECT_EQ(StatusOverTls(old.get()), 0);
  Start(std::string(kTls) + "  min_version: TLS10\n  max_version: TLS10\n");
  EXPECT_EQ(StatusOverTls(old.get()), 200);
  const auto newer = Context();
  EXPECT_EQ(StatusOverTls(newer.get()), 0);
}

TEST_F(GateTest, NoSuitesAreTheUsualOnes) {
  Start(std::string(kTls) + "  cipher_suites: []\n");
  const auto context = Context();
  EXPECT_EQ(StatusOverTls(context.get()), 200);
  SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
  EXPECT_EQ(StatusOverTls(context.get()), 200);
  Start(std::string(kTls) + "  cipher_suites: [TLS_AES_128_GCM_SHA256]\n");
  EXPECT_EQ(StatusOverTls(context.get()), 0);
}

TEST_F(GateTest, SpeaksWithoutForwardSecrecyWhereItIsTold) {
  certificate_ = ca_.Issue({.dns_names = {"localhost"}, .key = support::KeyType::kRsa2048});
  dir_.Write("server.crt", certificate_.chain);
  dir_.Write("server.key", certificate_.key);
  const auto context = Context();
  SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
  for (const auto& [name, suite] : {std::pair{"TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA"},
                                    {"TLS_RSA_WITH_AES_256_CBC_SHA", "AES256-SHA"},
                                    {"TLS_RSA_WITH_AES_128_GCM_SHA256", "AES128-GCM-SHA256"},
                                    {"TLS_RSA_WITH_AES_256_GCM_SHA384", "AES256-GCM-SHA384"}}) {
    SSL_CTX_set_cipher_list(context.get(), suite);
    Start(kTls);
    EXPECT_EQ(StatusOverTls(context.get()), 0) << name;
    Start(std::string(kTls) + "  cipher_suites: [" + name + "]\n");
    EXPECT_EQ(StatusOverTls(context.get()), 200) << name;
  }
}

// Every certificate of the file is an anchor, whoever signed it.
TEST_F(GateTest, TrustsAnIntermediateWithoutItsRoot) {
  const support::TestCa intermediate = ca_.Intermediate("Clients");
  const support::Certificate below = intermediate.Issue({.common_name = "scraper"});
  const support::Certificate beside = ca_.Issue({.common_name = "scraper"});
  dir_.Write("clients.crt", intermediate.certificate());
  Start(std::string(kTls) + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: clients.crt\n");
  const auto known = Context(&below);
  const auto other = Context(&beside);
  EXPECT_EQ(StatusOverTls(known.get()), 200);
  EXPECT_EQ(StatusOverTls(other.get()), 0);
}

// Which clients each mode lets in: without a certificate, with one of the CA, with one of nobody.
TEST_F(GateTest, AsksForClientCertificatesInFiveWays) {
  const support::Certificate good = ca_.Issue({.common_name = "scraper", .dns_names = {"scraper.example.com"}});
  const support::Certificate unknown = support::SelfSigned({.common_name = "scraper"});
  const struct {
    std::string mode;
    bool none, good, unknown;
  } cases[] = {{"NoClientCert", true, true, true},
               {"RequestClientCert", true, true, true},
               {"RequireAnyClientCert", false, true, true},
               {"VerifyClientCertIfGiven", true, true, false},
               {"RequireAndVerifyClientCert", false, true, false}};
  const auto nobody = Context();
  const auto known = Context(&good);
  const auto stranger = Context(&unknown);
  for (const auto& mode : cases) {
    const bool with_ca = mode.mode != "NoClientCert";
    Start(std::string(kTls) + "  client_auth_type: " + mode.mode + "\n" +
          (with_ca ? "  client_ca_file: ca.crt\n" : ""));
    EXPECT_EQ(StatusOverTls(nobody.get()), mode.none ? 200 : 0) << mode.mode;
    EXPECT_EQ(StatusOverTls(known.get()), mode.good ? 200 : 0) << mode.mode;
    EXPECT_EQ(StatusOverTls(stranger.get()), mode.unknown ? 200 : 0) << mode.mode;
  }
}

TEST_F(GateTest, ComparesClientNamesAsAWhole) {
  const support::Certificate by_name = ca_.Issue({.common_name = "a", .dns_names = {"x", "scraper.example.com"}});
  const support::Certificate by_address = ca_.Issue({.common_name = "b", .ip_addresses = {"2001:db8::7"}});
  const support::Certificate neither = ca_.Issue({.common_name = "scraper.example.com", .dns_names = {"example.com"}});
  Start(std::string(kTls) +
        "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n"
        "  client_allowed_sans: [scraper.example.com, '2001:db8::7']\n");
  const auto one = Context(&by_name);
  const auto two = Context(&by_address);
  const auto three = Context(&neither);
  EXPECT_EQ(StatusOverTls(one.get()), 200);
  EXPECT_EQ(StatusOverTls(two.get()), 200);
  EXPECT_EQ(StatusOverTls(three.get()), 0);
}

TEST_F(GateTest, AsksForAPassword) {
  Start("basic_auth_users: {alice: " + Hash("secret") + "}\nhttp_server_config: {headers: {X-XSS-Protection: '0'}}\n");
  EXPECT_EQ(Status(kAlice), 200);
  EXPECT_EQ(Status("Authorization: Basic YWxpY2U6d3Jvbmc=\r\n"), 401);
  EXPECT_EQ(Status("Authorization: Basic Ym9iOnNlY3JldA==\r\n"), 401);
  const Answer refused = Get(address_, "/metrics");
  EXPECT_EQ(refused.status, 401);
  EXPECT_THAT(refused.headers.at("www-authenticate"), HasSubstr("Basic"));
  EXPECT_EQ(refused.headers.at("x-xss-protection"), "0");
  EXPECT_EQ(Get(address_, "/nothing").status, 401);
  EXPECT_EQ(Get(address_, "/metrics", kAlice).headers.at("x-xss-protection"), "0");
}

// Whoever guesses has all of a /64: it counts as one client.
TEST_F(GateTest, GuessesOfOneSubnetWaitTogether) {
  Configure("basic_auth_users: {alice: " + Hash("secret") + "}\n");
  access::Gate gate(file());
  asio::io_context io;
  std::vector<int> refusals;
  const auto guess = [&](const std::string& client, const std::string& password) {
    asio::co_spawn(io, gate.Check(client, "Basic " + password),
                   [&](const std::exception_ptr&, int refusal) { refusals.push_back(refusal); });
  };
  // bob:a, bob:b …
  for (int i = 1; i <= 40; ++i) guess("[2001:db8::" + std::to_string(i) + "]:9", "Ym9iOmE=");
  guess("[2001:db8:0:1::1]:9", "YWxpY2U6c2VjcmV0");
  io.run();
  EXPECT_EQ(std::ranges::count(refusals, 503), 8);
  EXPECT_EQ(std::ranges::count(refusals, 401), 32);
  EXPECT_EQ(std::ranges::count(refusals, 0), 1);
}

TEST_F(GateTest, LimitsTheRate) {
  Start("rate_limit: {interval: 1h, burst: 2}\n");
  EXPECT_EQ(Status(), 200);
  EXPECT_EQ(Status(), 200);
  EXPECT_EQ(Status(), 429);
}

TEST_F(GateTest, TakesOverUsersAndCertificatesWhileItRuns) {
  const std::string users = "basic_auth_users: {alice: " + Hash("secret") + "}\n";
  Start(kTls + users);
  const auto context = Context();
  EXPECT_EQ(StatusOverTls(context.get(), kAlice), 200);
  Configure(kTls + std::string("basic_auth_users: {alice: ") + Hash("other") + "}\n");
  EXPECT_TRUE(support::WaitUntil([&] { return StatusOverTls(context.get(), kAlice) == 401; }));
  Configure(kTls + users);
  EXPECT_TRUE(support::WaitUntil([&] { return StatusOverTls(context.get(), kAlice) == 200; }));

  ca_ = support::TestCa("Another CA");
  const auto newer = Context();
  EXPECT_EQ(StatusOverTls(newer.get(), kAlice), 0);
  WriteCertificate();
  EXPECT_TRUE(support::WaitUntil([&] { return StatusOverTls(newer.get(), kAlice) == 200; }));
  EXPECT_EQ(StatusOverTls(context.get(), kAlice), 0);
}

TEST_F(GateTest, KeepsTheLastGoodConfiguration) {
  const std::string users = "basic_auth_users: {alice: " + Hash("secret") + "}\n";
  Start(kTls + users);
  const auto context = Context();
  for (const std::string& bad : {std::string("nonsense: ["), users, kTls + users + "more: 1\n"}) {
    Configure(bad);
    EXPECT_FALSE(support::WaitUntil([&] { return StatusOverTls(context.get(), kAlice) != 200; },
                                    std::chrono::milliseconds(1500)));
    EXPECT_EQ(StatusOverTls(context.get()), 401);
  }
  Configure(kTls + users + "rate_limit: {interval: 1h, burst: 1}\n");
  EXPECT_TRUE(support::WaitUntil([&] { return StatusOverTls(context.get(), kAlice) == 429; }));
}

TEST_F(GateTest, RefusesToStartWithABadConfiguration) {
  EXPECT_THROW(Start("nonsense: 1\n"), ConfigError);
  EXPECT_THROW(Start("tls_server_config: {cert_file: absent, key_file: absent}\n"), ConfigError);
}

}  // namespace
}  // namespace pgtls::front
