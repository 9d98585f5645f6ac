#include "collectors/endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <functional>

#include "exporter/base/error.h"
#include "exporter/tls/endpoint_facts.h"
#include "tests/collectors/harness.h"
#include "tests/collectors/unprivileged.h"
#include "tests/collectors/wire_peer.h"
#include "tests/support/files.h"
#include "tests/support/golden.h"

namespace pgtls::collectors {
namespace {

using support::Families;
using testing::HasSubstr;
using testing::Not;

const std::string kSaslOfAProxy = "R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0"s;
const std::string kOauth = "R\0\0\0\x15\0\0\0\x0aOAUTHBEARER\0\0"s;
const std::string kMd5 = "R\0\0\0\x0c\0\0\0\5salt"s;
const std::string kTooMany = "E\0\0\0\x27SFATAL\0C53300\0Msorry\0RInitProcess\0\0"s;

class EndpointTest : public testing::Test {
 protected:
  void SetUp() override {
    harness_.peer = db::Peer{IpAddress::V4(0x7F000001), peer_.port(), "localhost", "ann", "shop"};
    harness_.target.options = {{"host", "localhost"},
                               {"sslrootcert", files_.Write("root.crt", ca_.certificate())},
                               {"sslcert", files_.path() + "/none"},
                               {"ssl_min_protocol_version", "TLSv1.2"}};
  }
  // Without what differs from run to run.
  std::string Page() {
    return support::Masked(harness_.CollectPage(), {{R"((duration_seconds\{.*\}) .*)", "$1 <time>"}});
  }

  // One collection's incomplete parts.
  std::string Incomplete() {
    std::string text;
    for (const auto& [part, reason, detail] : harness_.Collect().incomplete) text += part + ":" + reason + " ";
    return text;
  }
  // The connections that one collection makes.
  int Connections() {
    const int before = peer_.connections();
    Page();
    return peer_.connections() - before;
  }

  support::TestCa ca_;
  support::TempDir files_;
  WirePeer peer_{ca_.IssueForLocalhost()};
  Harness harness_{EndpointCollector()};
};

TEST_F(EndpointTest, Golden) {
  const std::string page = Page();
  EXPECT_TRUE(support::MatchesGolden("tests/collectors/testdata/endpoint.prom", page));
}

TEST_F(EndpointTest, WhatIsRefusedIsTriedOnceAndItsResultStands) {
  const std::string first = Page();
  const int connections = peer_.connections();
  EXPECT_EQ(Page(), first);
  EXPECT_EQ(peer_.connections() - connections, 2);  // a handshake and a GSSENCRequest
}

TEST_F(EndpointTest, AnotherAnswerBringsAnotherRound) {
  Page();
  peer_.behaviour.ssl_answer = 'N';
  const std::string page = Page();
  EXPECT_THAT(page, HasSubstr("pg_tls_ssl_request_answer{server=\"db\",answer=\"N\"} 1\n"));
  EXPECT_THAT(page, Not(HasSubstr("pg_tls_protocol_accepted")));
  EXPECT_THAT(page, Not(HasSubstr("pg_tls_handshake_success")));
  EXPECT_THAT(page, HasSubstr("pg_tls_sslmode_connects{server=\"db\",sslmode=\"require\"} 0\n"));
  const int connections = peer_.connections();
  Page();
  EXPECT_EQ(peer_.connections() - connections, 2);
}

// A reload of the exporter's configuration may change whom it connects as, and the collector lives on.
TEST_F(EndpointTest, AnotherUsersVerdictIsNotThisUsers) {
  peer_.behaviour.admits = "user\0bob\0"s;
  EXPECT_THAT(Page(), HasSubstr("pg_tls_plaintext_accepted{server=\"db\"} 0\n"));
  harness_.peer->user = "bob";
  const std::string page = Page();
  EXPECT_THAT(page, HasSubstr("pg_tls_plaintext_accepted{server=\"db\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("pg_tls_sslmode_connects{server=\"db\",sslmode=\"disable\"} 1\n"));
}

TEST_F(EndpointTest, WhateverTheVerdictDependsOnBringsAnotherRound) {
  constexpr int kHandshakeAndGss = 2;
  Page();
  auto& options = harness_.target.options;
  const auto certificate = [&] {
    const support::Certificate client = ca_.Issue({.common_name = "ann"});
    options["sslcert"] = files_.Write("client.crt", client.chain);
    options["sslkey"] = files_.Write("client.key", client.key);
  };
  const std::vector<std::pair<std::string, std::function<void()>>> changes = {
      {"user", [&] { harness_.peer->user = "bob"; }},
      {"database", [&] { harness_.peer->database = "books"; }},
      {"name for SNI", [&] { harness_.peer->host = "localhost.localdomain"; }},
      {"no SNI", [&] { options["sslsni"] = "0"; }},
      {"TLS versions", [&] { options["ssl_max_protocol_version"] = "TLSv1.2"; }},
      {"a client certificate", certificate},
      {"another one in the same file", certificate},
      {"a key that libpq refuses", [&] { options["sslkey"] = files_.Write("open.key", "", 0644); }},
      {"none", [&] { options["sslcert"] = files_.path() + "/none"; }},
  };
  for (const auto& [name, change] : changes) {
    SCOPED_TRACE(name);
    change();
    EXPECT_GT(Connections(), kHandshakeAndGss);
    EXPECT_EQ(Connections(), kHandshakeAndGss);
  }
  ++harness_.config_version;  // every reload is one, of whichever server
  EXPECT_EQ(Connections(), kHandshakeAndGss);
}

TEST_F(EndpointTest, WhatWasAskedAndNotAnsweredIsTold) {
  peer_.behaviour.plaintext_answer = kTooMany;
  peer_.behaviour.admits = "user\0ann\0"s;
  EXPECT_EQ(Incomplete(), "");
  harness_.peer->user = "bob";
  EXPECT_EQ(Incomplete(), "plaintext:no_answer sslmode:no_answer ");
  EXPECT_EQ(Incomplete(), "plaintext:no_answer sslmode:no_answer ");  // and stays so until it is asked again
  EXPECT_THAT(Page(), Not(HasSubstr("pg_tls_plaintext_accepted")));
}

TEST_F(EndpointTest, AServerThatHangsUpHasNotAnswered) {
  peer_.behaviour.plaintext_answer.clear();
  peer_.behaviour.handshakes = 2;  // the look, and the StartupMessage over TLS
  EXPECT_EQ(Incomplete(), "plaintext:no_answer protocol_versions:no_answer key_exchange:no_answer sslmode:no_answer ");
}

TEST_F(EndpointTest, AProxyThatEndsTlsOffersNoChannelBinding) {
  peer_.behaviour.tls_answer = kSaslOfAProxy;
  EXPECT_EQ(Families(Page(), "pg_tls_sasl_mechanism_offered{"),
            "pg_tls_sasl_mechanism_offered{server=\"db\",mechanism=\"SCRAM-SHA-256\"} 1\n"
            "pg_tls_sasl_mechanism_offered{server=\"db\",mechanism=\"SCRAM-SHA-256-PLUS\"} 0\n");
}

TEST_F(EndpointTest, OtherMethodsSayNothingAboutScram) {
  for (const std::string& answer : {kOauth, kMd5, kTooMany}) {
    peer_.behaviour.tls_answer = answer;
    ++harness_.config_version;
    harness_.peer->user += "x";  // another round
    EXPECT_THAT(Page(), Not(HasSubstr("pg_tls_sasl_mechanism_offered")));
  }
}

TEST_F(EndpointTest, GroupsAreOfTls13Alone) {
  SSL_CTX_set_max_proto_version(peer_.context(), TLS1_2_VERSION);
  EXPECT_THAT(Page(), Not(HasSubstr("pg_tls_key_exchange_accepted")));
  EXPECT_EQ(Incomplete(), "");
}

// As PostgreSQL 19 refuses a client without SNI.
TEST_F(EndpointTest, ARefusalForAnotherReasonSaysNothingAboutGroups) {
  const auto refuse = [](SSL*, int* alert, void*) -> int {
    *alert = SSL_AD_HANDSHAKE_FAILURE;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  };
  SSL_CTX_set_tlsext_servername_callback(peer_.context(), static_cast<int (*)(SSL*, int*, void*)>(refuse));
  const std::string page = Page();
  EXPECT_THAT(page, HasSubstr("pg_tls_protocol_accepted{server=\"db\",version=\"TLSv1.3\"} 0\n"));
  EXPECT_THAT(page, Not(HasSubstr("pg_tls_key_exchange_accepted")));
  EXPECT_EQ(Incomplete(), "");
}

TEST_F(EndpointTest, AGroupWithoutAnAnswerIsNotRefused) {
  peer_.behaviour.handshakes = 5;  // the first one, the StartupMessage over TLS, and the versions but the first one's
  EXPECT_EQ(Incomplete(), "key_exchange:no_answer ");
  EXPECT_EQ(Families(Page(), "pg_tls_key_exchange_accepted{"),
            "pg_tls_key_exchange_accepted{server=\"db\",group=\"X25519\"} 1\n");
}

TEST_F(EndpointTest, DirectTlsThatIsNotAnsweredIsTold) {
  peer_.behaviour.silent_to_direct_tls = true;
  harness_.timeout = std::chrono::seconds(2);
  EXPECT_EQ(Incomplete(), "direct_tls:no_answer ");
  EXPECT_THAT(Page(), Not(HasSubstr("pg_tls_direct_tls_supported")));
}

TEST_F(EndpointTest, WhatIsNotAskedIsNotMissing) {
  peer_.behaviour.ssl_answer = 'N';  // no versions, no direct TLS
  EXPECT_EQ(Incomplete(), "");
  harness_.peer->port = support::FreePort();
  EXPECT_EQ(Incomplete(), "");
}

TEST_F(EndpointTest, WithoutARootCertificateNothingIsSaidOfTheChain) {
  harness_.target.options["sslrootcert"] = files_.path() + "/missing";
  EXPECT_EQ(Incomplete(), "sslrootcert:missing ");
  const std::string page = Page();
  EXPECT_THAT(page, Not(HasSubstr("check=\"chain\"")));
  EXPECT_THAT(page, HasSubstr("pg_tls_certificate_verified{server=\"db\",check=\"hostname\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("pg_tls_sslmode_encrypted{server=\"db\",sslmode=\"require\"} 1\n"));
  EXPECT_THAT(page, Not(HasSubstr("verify-")));
}

TEST_F(EndpointTest, ARootCertificateThatNobodyNamedIsNotMissing) {
  harness_.target.options.erase("sslrootcert");
  EXPECT_EQ(Incomplete(), "");
}

// libpq 15 only asks whether the file is there, and takes any failure for a no.
TEST_F(EndpointTest, ARootCertificateBehindAClosedDirectoryIsNotMissing) {
  chmod(files_.path().c_str(), 0755);
  mkdir((files_.path() + "/private").c_str(), 0700);
  harness_.target.options["sslrootcert"] = files_.Write("private/root.crt", ca_.certificate());
  const Unprivileged nobody;
  EXPECT_EQ(Incomplete(), "sslrootcert:permission_denied ");
  EXPECT_THAT(Page(), HasSubstr("pg_tls_sslmode_encrypted{server=\"db\",sslmode=\"require\"} 1\n"));
}

TEST_F(EndpointTest, AnUnreadableRootCertificateIsTold) {
  harness_.target.options["sslrootcert"] = files_.Write("text", "no certificate");
  const sampling::Output output = harness_.Collect();
  ASSERT_EQ(output.incomplete.size(), 1u);
  EXPECT_EQ(output.incomplete[0].part, "sslrootcert");
  EXPECT_THAT(Page(), HasSubstr("pg_tls_sslmode_connects{server=\"db\",sslmode=\"require\"} 0\n"));
}

TEST_F(EndpointTest, VerificationErrorsHaveReasons) {
  harness_.target.options["sslrootcert"] = files_.Write("other.crt", support::TestCa("Other").certificate());
  harness_.peer->host = "db.example.com";
  const std::string page = Page();
  EXPECT_EQ(Families(page, "pg_tls_certificate_verified{") + Families(page, "pg_tls_certificate_verify_error_info{"),
            "pg_tls_certificate_verified{server=\"db\",check=\"chain\"} 0\n"
            "pg_tls_certificate_verified{server=\"db\",check=\"hostname\"} 0\n"
            "pg_tls_certificate_verify_error_info{server=\"db\",check=\"chain\",reason=\"unknown_ca\"} 1\n"
            "pg_tls_certificate_verify_error_info{server=\"db\",check=\"hostname\",reason=\"mismatch\"} 1\n");
}

TEST_F(EndpointTest, HostaddrAloneGivesNoNameToVerify) {
  harness_.target.options.erase("host");
  harness_.target.options["hostaddr"] = "127.0.0.1";
  harness_.peer->host = "127.0.0.1";
  EXPECT_THAT(Page(), HasSubstr("check=\"hostname\",reason=\"no_host_name\"} 1\n"));
}

TEST_F(EndpointTest, ASilentServerIsReachableAndAnswersNone) {
  peer_.behaviour.ssl_answer = 0;
  harness_.timeout = std::chrono::seconds(2);
  const std::string page = Page();
  EXPECT_THAT(page, HasSubstr("pg_tls_endpoint_reachable{server=\"db\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("pg_tls_ssl_request_answer{server=\"db\",answer=\"none\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("pg_tls_sslmode_connects{server=\"db\",sslmode=\"disable\"} 0\n"));
  EXPECT_THAT(page, Not(HasSubstr("sslmode=\"require\"")));
}

TEST_F(EndpointTest, NobodyThere) {
  harness_.peer->port = support::FreePort();
  EXPECT_EQ(Families(Page(), "pg_tls_"),
            "# HELP pg_tls_endpoint_reachable Whether a TCP connection to the endpoint succeeded.\n"
            "# TYPE pg_tls_endpoint_reachable gauge\n"
            "pg_tls_endpoint_reachable{server=\"db\"} 0\n");
}

TEST_F(EndpointTest, OldServersAreSeenAlthoughALibpqClientCannotTalkToThem) {
  SSL_CTX_set_min_proto_version(peer_.context(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(peer_.context(), TLS1_VERSION);
  const std::string page = Page();
  EXPECT_THAT(page, HasSubstr("pg_tls_handshake_success{server=\"db\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("pg_tls_negotiated_info{server=\"db\",version=\"TLSv1\""));
  EXPECT_THAT(page, HasSubstr("pg_tls_protocol_accepted{server=\"db\",version=\"TLSv1\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("pg_tls_protocol_accepted{server=\"db\",version=\"TLSv1.3\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("pg_tls_sslmode_connects{server=\"db\",sslmode=\"require\"} 0\n"));
}

TEST_F(EndpointTest, UnixSocketsHaveNoTls) {
  harness_.peer->address.reset();
  EXPECT_TRUE(harness_.Collect().unsupported);
  harness_.peer.reset();
  harness_.target.options = {{"host", "/run/postgresql"}};
  EXPECT_TRUE(harness_.Collect().unsupported);
  EXPECT_EQ(peer_.connections(), 0);
}

TEST_F(EndpointTest, TheConfiguredEndpointWins) {
  harness_.peer->port = support::FreePort();
  harness_.server.endpoint = config::HostPort{"localhost", peer_.port()};
  const sampling::Output output = harness_.Collect();
  const auto facts = output.facts.Get<tls::EndpointFacts>();
  EXPECT_TRUE(facts->reachable);  // "localhost" has two addresses, and one of them answers
  EXPECT_EQ(facts->host, "localhost");
  EXPECT_EQ(facts->address, "127.0.0.1:" + std::to_string(peer_.port()));
}

TEST_F(EndpointTest, BeforeSqlIsConnectedTheConninfoSaysWhere) {
  harness_.peer.reset();
  harness_.target.options["host"] = "nowhere.invalid,localhost";
  harness_.target.options["hostaddr"] = "127.0.0.1,127.0.0.1";
  harness_.target.options["port"] = std::to_string(support::FreePort()) + "," + std::to_string(peer_.port());
  harness_.target.options["user"] = "ann";
  EXPECT_THAT(Page(), HasSubstr("pg_tls_certificate_verified{server=\"db\",check=\"hostname\"} 1\n"));
}

TEST_F(EndpointTest, ANameThatDoesNotResolveIsAFailure) {
  harness_.server.endpoint = config::HostPort{"no such host", 5432};
  try {
    Page();
    ADD_FAILURE() << "it resolved";
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), FailureReason::kConnection);
  }
}

}  // namespace
}  // namespace pgtls::collectors
