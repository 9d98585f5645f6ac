#include "exporter/access/web_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "exporter/base/error.h"
#include "tests/support/certificates.h"
#include "tests/support/files.h"

namespace pgtls::access {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

constexpr const char* kHash = "$2y$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze";

class WebConfigTest : public ::testing::Test {
 protected:
  WebConfigTest() {
    const auto certificate = ca_.IssueForLocalhost();
    dir_.Write("server.crt", certificate.chain);
    dir_.Write("server.key", certificate.key);
    dir_.Write("ca.crt", ca_.certificate());
  }

  WebConfig Load(const std::string& text) { return LoadWebConfig(dir_.Write("web.yml", text)); }

  // What is wrong with `text`, without the file's directory.
  std::string ErrorOf(const std::string& text) {
    try {
      Load(text);
    } catch (const ConfigError& error) {
      std::string message = error.what();
      const std::string directory = dir_.path() + "/";
      for (std::size_t at = 0; (at = message.find(directory)) != std::string::npos;)
        message.erase(at, directory.size());
      return message;
    }
    return "";
  }
  std::string TlsErrorOf(const std::string& lines) {
    return ErrorOf("tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n" + lines);
  }

  support::TempDir dir_;
  support::TestCa ca_;
};

TEST_F(WebConfigTest, ReadsEverything) {
  const WebConfig web = Load(R"(
tls_server_config:
  cert_file: server.crt
  key_file: server.key
  client_ca_file: ca.crt
  client_auth_type: RequireAndVerifyClientCert
  client_allowed_sans: [prometheus.example.com]
  min_version: TLS12
  max_version: TLS13
  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]
  prefer_server_cipher_suites: false
  curve_preferences: [X25519, CurveP256]
http_server_config:
  http2: true
  headers: {X-Frame-Options: sameorigin, Content-Security-Policy: ""}
basic_auth_users:
  alice: )" + std::string(kHash) +
                             R"(
rate_limit: {interval: 1s, burst: 20}
)");
  EXPECT_NE(web.tls, nullptr);
  EXPECT_THAT(web.headers, ElementsAre(Pair("X-Frame-Options", "sameorigin"), Pair("Content-Security-Policy", "")));
  EXPECT_THAT(web.users, ElementsAre(Pair("alice", kHash)));
  ASSERT_TRUE(web.rate_limit);
  EXPECT_EQ(web.rate_limit->interval, std::chrono::seconds(1));
  EXPECT_EQ(web.rate_limit->burst, 20);
  EXPECT_EQ(web.files.size(), 4u);
}

TEST_F(WebConfigTest, TakesPemInLine) {
  const auto certificate = ca_.IssueForLocalhost();
  const auto indented = [](std::string pem) {
    for (std::size_t at = 0; (at = pem.find('\n', at)) != std::string::npos; at += 5) pem.replace(at, 1, "\n    ");
    return "|\n    " + pem + "\n";
  };
  const WebConfig web =
      Load("tls_server_config:\n  cert: " + indented(certificate.chain) + "  key: " + indented(certificate.key));
  EXPECT_NE(web.tls, nullptr);
  EXPECT_EQ(web.files.size(), 1u);
}

TEST_F(WebConfigTest, LeavesEverythingOpenWhereItSaysNothing) {
  for (const char* text :
       {"", "# nothing\n", "http_server_config: {http2: false}\n", "rate_limit: {interval: 0, burst: 5}\n",
        "rate_limit: {interval: 0s}\n", "tls_server_config:\nhttp_server_config:\nrate_limit: ~\n",
        "http_server_config: {http2: ~, headers: ~}\n", "rate_limit: {interval: ~, burst: ~}\n"}) {
    const WebConfig web = Load(text);
    EXPECT_EQ(web.tls, nullptr);
    EXPECT_TRUE(web.users.empty());
    EXPECT_FALSE(web.rate_limit);
  }
}

// As files for other exporters have them: a key with nothing behind it is as none.
TEST_F(WebConfigTest, TakesKeysWithNothingBehindThem) {
  EXPECT_EQ(TlsErrorOf("  client_auth_type: ''\n"), "");
  EXPECT_EQ(TlsErrorOf("  client_auth_type:\n  client_ca_file: ''\n  client_ca:\n  cert: ''\n  min_version:\n"
                       "  max_version: ~\n  cipher_suites: []\n  curve_preferences:\n  client_allowed_sans:\n"),
            "");
  const WebConfig web = Load("http_server_config: {headers: {X-Frame-Options: ~}}\n");
  EXPECT_THAT(web.headers, ElementsAre(Pair("X-Frame-Options", "")));
}

TEST_F(WebConfigTest, ReadsIntervalsAsGoDoes) {
  using std::chrono::nanoseconds;
  for (const auto& [text, want] : {std::pair<const char*, nanoseconds>{"1m30s", std::chrono::seconds(90)},
                                   {"1.5s", std::chrono::milliseconds(1500)},
                                   {"500us", std::chrono::microseconds(500)},
                                   {"500\u00b5s", std::chrono::microseconds(500)},
                                   {"20ns", nanoseconds(20)},
                                   {"1h", std::chrono::hours(1)},
                                   {".5ms", std::chrono::microseconds(500)}}) {
    const WebConfig web = Load(std::string("rate_limit: {burst: 1, interval: ") + text + "}\n");
    ASSERT_TRUE(web.rate_limit) << text;
    EXPECT_EQ(web.rate_limit->interval, want) << text;
  }
  for (const char* text : {"soon", "5", "s", "1s30", "1..5s", "-1s", "1h1ns", "1d", "''", "1 s", "infs", "1e3s"}) {
    EXPECT_THAT(ErrorOf(std::string("rate_limit: {burst: 1, interval: ") + text + "}\n"), HasSubstr("1:34: ")) << text;
  }
}

TEST_F(WebConfigTest, SaysWhereAMistakeIs) {
  EXPECT_THAT(ErrorOf("tls_server: {}\n"), HasSubstr("web.yml:1:1: unknown key 'tls_server'"));
  EXPECT_THAT(ErrorOf("a: [\n"), HasSubstr("web.yml:2:1: "));
  EXPECT_THAT(TlsErrorOf("  ciphers: x\n"), HasSubstr("web.yml:4:3: tls_server_config: unknown key 'ciphers'"));
  EXPECT_THAT(TlsErrorOf("  min_version: TLS14\n"), HasSubstr("web.yml:4:16: tls_server_config.min_version: unknown"));
  EXPECT_THAT(ErrorOf("tls_server_config:\n  cert_file: nothing.crt\n"), HasSubstr("web.yml:2:14: "));
  EXPECT_THROW(LoadWebConfig(dir_.path() + "/absent.yml"), ConfigError);
}

TEST_F(WebConfigTest, RefusesTlsThatWouldNotBe) {
  EXPECT_THAT(ErrorOf("tls_server_config: {}\n"), HasSubstr("cert_file or cert is required"));
  EXPECT_THAT(ErrorOf("tls_server_config: {min_version: TLS13}\n"), HasSubstr("cert_file or cert is required"));
  EXPECT_THAT(ErrorOf("tls_server_config: {cert_file: server.crt}\n"), HasSubstr("key_file or key is required"));
  EXPECT_THAT(TlsErrorOf("  key: x\n"), HasSubstr("both inline and by file"));
  EXPECT_THAT(ErrorOf("tls_server_config: {cert_file: server.key, key_file: server.key}\n"),
              HasSubstr("no PEM certificate"));
  EXPECT_THAT(ErrorOf("tls_server_config: {cert_file: server.crt, key_file: server.crt}\n"),
              HasSubstr("cannot be read"));
  dir_.Write("other.key", ca_.IssueForLocalhost().key);
  EXPECT_THAT(ErrorOf("tls_server_config: {cert_file: server.crt, key_file: other.key}\n"),
              HasSubstr("does not belong"));
  EXPECT_THAT(TlsErrorOf("  min_version: TLS13\n  max_version: TLS12\n"), HasSubstr("above max_version"));
  EXPECT_THAT(TlsErrorOf("  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]\n"), HasSubstr("unknown cipher suite"));
  EXPECT_THAT(TlsErrorOf("  curve_preferences: [CurveP224]\n"), HasSubstr("unknown curve"));
}

TEST_F(WebConfigTest, RefusesClientAuthThatWouldNotBe) {
  EXPECT_THAT(TlsErrorOf("  client_ca_file: ca.crt\n"), HasSubstr("without client_auth_type"));
  EXPECT_THAT(TlsErrorOf("  client_ca_file: ca.crt\n  client_auth_type: NoClientCert\n"),
              HasSubstr("without client_auth_type"));
  EXPECT_THAT(TlsErrorOf("  client_auth_type: RequireAndVerifyClientCert\n"), HasSubstr("client_ca_file is required"));
  EXPECT_THAT(TlsErrorOf("  client_auth_type: Maybe\n"), HasSubstr("unknown client_auth_type"));
  EXPECT_THAT(TlsErrorOf("  client_allowed_sans: [a]\n"), HasSubstr("client_allowed_sans needs"));
  EXPECT_THAT(TlsErrorOf("  client_auth_type: RequireAnyClientCert\n  client_allowed_sans: []\n"),
              HasSubstr("admit no client"));
  EXPECT_EQ(TlsErrorOf("  client_auth_type: RequireClientCert\n"), "");
}

TEST_F(WebConfigTest, RefusesTheRest) {
  EXPECT_THAT(ErrorOf("basic_auth_users: {alice: secret}\n"), HasSubstr("bcrypt"));
  EXPECT_EQ(ErrorOf("basic_auth_users: {alice: secret}\n").find("secret"), std::string::npos);
  EXPECT_THAT(ErrorOf("basic_auth_users: {}\n"), HasSubstr("no users"));
  EXPECT_THAT(ErrorOf("basic_auth_users:\n"), HasSubstr("no users"));
  EXPECT_THAT(ErrorOf("http_server_config: {headers: {Server: x}}\n"), HasSubstr("unknown key 'Server'"));
  EXPECT_THAT(ErrorOf("http_server_config: {headers: {X-Frame-Options: allow}}\n"), HasSubstr("deny or sameorigin"));
  EXPECT_THAT(ErrorOf("rate_limit: {interval: 1s}\n"), HasSubstr("burst is required"));
  EXPECT_THAT(ErrorOf("rate_limit: {interval: 1s, burst: 0}\n"), HasSubstr("burst"));
  EXPECT_THAT(ErrorOf("rate_limit: {interval: soon, burst: 1}\n"), HasSubstr("duration"));
}

}  // namespace
}  // namespace pgtls::access
