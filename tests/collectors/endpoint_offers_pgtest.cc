// What real servers offer inside TLS: groups of the key exchange, with the openssl of Debian 13 as witness, and SASL.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectors/endpoint.h"
#include "exporter/db/target.h"
#include "exporter/tls/client_hello.h"
#include "exporter/tls/endpoint_facts.h"
#include "tests/collectors/harness.h"
#include "tests/support/pgbouncer.h"
#include "tests/support/postgres_server.h"

namespace pgtls::collectors {
namespace {

using support::PostgresServer;
using support::ServerTls;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;
using Offers = std::map<std::string_view, bool>;

constexpr int kOpenSslWithMlKem = 19;  // of the servers that tests run, the one that can accept X25519MLKEM768

class EndpointOffersPgTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    ca_ = new support::TestCa;
    server_ = new PostgresServer({.tls = ServerTls{ca_->IssueForLocalhost(), ca_->certificate(), ""}});
    server_->Execute(
        "CREATE ROLE app LOGIN PASSWORD 'secret'; SET password_encryption = md5; CREATE ROLE old LOGIN PASSWORD 'x'");
  }
  static void TearDownTestSuite() {
    delete server_;
    delete ca_;
  }

  static tls::EndpointFacts Look(int port, const std::string& user = "app") {
    Harness harness(EndpointCollector());
    harness.target =
        db::ResolveTarget("host=localhost hostaddr=127.0.0.1 sslmode=require sslcert=/none sslrootcert=/none");
    harness.peer = db::Peer{IpAddress::Parse("127.0.0.1"), port, "localhost", user, "postgres"};
    return *harness.Collect().facts.Get<tls::EndpointFacts>();
  }

  // Whether a handshake of OpenSSL 3.5 completes that offers this group alone.
  static bool Witness(std::string_view group) {
    static const std::string openssl = support::MustRun({"tests/support/fetch-debian.sh", "trixie", "openssl"});
    const std::string program = openssl.substr(0, openssl.find('\n')) + "/usr/bin/openssl";
    const auto run =
        support::RunProcess({program, "s_client", "-starttls", "postgres", "-tls1_3", "-groups", std::string(group),
                             "-connect", "127.0.0.1:" + std::to_string(server_->port())});
    EXPECT_NE(run.out.contains("Cipher is TLS_"), run.out.contains("Cipher is (NONE)")) << run.out << run.err;
    return run.out.contains("Cipher is TLS_");
  }

  static inline support::TestCa* ca_ = nullptr;
  static inline PostgresServer* server_ = nullptr;
};

TEST_F(EndpointOffersPgTest, GroupsAsOpenSslFindsThem) {
  const bool lists = server_->major() >= 18;
  const std::string setting = lists ? "ssl_groups" : "ssl_ecdh_curve";
  std::vector<std::string> values = {"prime256v1", "secp384r1", "secp521r1"};
  if (lists) values.insert(values.end(), {"X25519:prime256v1", "X25519"});
  if (server_->major() >= kOpenSslWithMlKem)
    values.insert(values.end(), {"X25519MLKEM768:secp384r1", "X25519MLKEM768"});
  for (const std::string& value : values) {
    SCOPED_TRACE(value);
    server_->Set(setting + " = '" + value + "'");
    server_->Reload();
    Offers witness;
    for (const std::string_view group : tls::kKeyExchangeGroups) witness[group] = Witness(group);
    const tls::EndpointFacts facts = Look(server_->port());
    EXPECT_EQ(facts.groups, witness);
    EXPECT_TRUE(facts.protocols.at("TLSv1.3")) << "also with a group that this OpenSSL does not know";
    EXPECT_EQ(witness.at("X25519MLKEM768"), value.contains("MLKEM"));
    EXPECT_EQ(witness.at("P-384"), value.contains("secp384r1"));
  }
  server_->Set(setting + " = 'prime256v1'");
  server_->Reload();
}

TEST_F(EndpointOffersPgTest, ScramWithChannelBindingOnEveryTlsConnection) {
  const auto with_hba = [](const std::string& method, const std::string& user = "app") {
    server_->SetHba("local all all trust\nhostssl all all 127.0.0.1/32 " + method + "\n");
    server_->Reload();
    return Look(server_->port(), user).mechanisms;
  };
  const auto both = UnorderedElementsAre(Pair("SCRAM-SHA-256", true), Pair("SCRAM-SHA-256-PLUS", true));
  EXPECT_THAT(with_hba("scram-sha-256"), both);
  EXPECT_THAT(with_hba("scram-sha-256", "nobody"), both) << "the server does not say who exists";
  EXPECT_THAT(with_hba("md5"), both) << "for a role with a SCRAM verifier";
  EXPECT_THAT(with_hba("md5", "old"), IsEmpty());
  for (const char* const method : {"trust", "reject", "cert", "password"}) EXPECT_THAT(with_hba(method), IsEmpty());
}

TEST_F(EndpointOffersPgTest, APgBouncerOffersNoChannelBinding) {
  server_->SetHba("local all all trust\nhost all all 127.0.0.1/32 trust\n");
  server_->Reload();
  support::PgBouncer pool(*server_, {.release = support::PgBouncerRelease::k1_24});
  const support::Certificate certificate = ca_->IssueForLocalhost();
  const std::string users = pool.WriteFile("scram_users", "\"app\" \"secret\"\n");
  pool.Configure({"client_tls_sslmode = require",
                  "client_tls_cert_file = " + pool.WriteFile("s.crt", certificate.chain),
                  "client_tls_key_file = " + pool.WriteFile("s.key", certificate.key), "auth_type = scram-sha-256",
                  "auth_file = " + users});
  const tls::EndpointFacts facts = Look(pool.port());
  EXPECT_THAT(facts.mechanisms, UnorderedElementsAre(Pair("SCRAM-SHA-256", true), Pair("SCRAM-SHA-256-PLUS", false)));
  EXPECT_THAT(facts.groups, testing::SizeIs(std::size(tls::kKeyExchangeGroups)));
}

}  // namespace
}  // namespace pgtls::collectors
