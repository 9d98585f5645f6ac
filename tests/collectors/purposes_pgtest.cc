// What a certificate was issued for: the collector's verdict beside libpq's about a server's certificate, and beside a
// server's about a client's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectors/certificates.h"
#include "exporter/db/target.h"
#include "tests/collectors/harness.h"
#include "tests/support/files.h"
#include "tests/support/postgres_server.h"
#include "tests/support/seconds.h"

namespace pgtls::collectors {
namespace {

using support::Certificate;
using support::CertificateSpec;
using support::TestCa;

CertificateSpec For(const std::string& usage) {
  return {.common_name = "localhost", .dns_names = {"localhost"}, .extended_key_usage = usage};
}
TestCa Authority(const TestCa& root, const std::string& usage) { return root.Intermediate("Issuing", For(usage)); }

class PurposesPgTest : public testing::Test {
 protected:
  void SetUp() override {
    harness_.Connect(conninfo_);
    harness_.target = db::ResolveTarget(conninfo_);
    harness_.peer = db::Peer{IpAddress::Parse("127.0.0.1"), server_.port(), "localhost", "postgres", "postgres"};
    harness_.server.roots = {{"root", root_file_}};
    harness_.options<CertificatesOptions>().read_via = ReadVia::kLocal;
  }
  tls::CertificateInventory Look() { return *harness_.Collect().facts.Get<tls::CertificateInventory>(); }
  std::optional<std::string> WhyNot(const std::string& more) const {
    return support::Client::WhyNot(server_.Conninfo("user=postgres sslcrl=/none " + more));
  }

  TestCa root_{"Root"};
  support::TempDir files_;
  std::string root_file_ = files_.Write("root.crt", root_.certificate());
  support::PostgresServer server_{{.hba = "local all all trust\nhost all all 127.0.0.1/32 trust\n",
                                   .tls = support::ServerTls{root_.IssueForLocalhost(), root_.certificate(), ""}}};
  const std::string conninfo_ =
      server_.Conninfo("host=localhost hostaddr=127.0.0.1 user=postgres sslmode=require sslrootcert=/none");
  Harness harness_{CertificatesCollector()};
};

TEST_F(PurposesPgTest, LibpqRefusesAServersCertificateAsTheVerdictSays) {
  struct Case {
    const char* name;
    Certificate certificate;
    std::vector<std::size_t> wrong;
  };
  const Case cases[] = {
      {"none", root_.Issue(For("")), {}},
      {"for servers", root_.Issue(For("serverAuth")), {}},
      {"for both", root_.Issue(For("clientAuth,serverAuth")), {}},
      {"server-gated cryptography", root_.Issue(For("msSGC")), {}},
      {"for clients", root_.Issue(For("clientAuth")), {0}},
      {"for code", root_.Issue(For("codeSigning")), {0}},
      {"for anything", root_.Issue(For("anyExtendedKeyUsage")), {0}},
      {"an authority for servers", Authority(root_, "serverAuth").Issue(For("")), {}},
      {"an authority for clients", Authority(root_, "clientAuth").Issue(For("serverAuth")), {1}},
      {"an authority for anything", Authority(root_, "anyExtendedKeyUsage").Issue(For("")), {1}},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.name);
    server_.WriteDataFile("server.crt", one.certificate.chain);
    server_.WriteDataFile("server.key", one.certificate.key);
    server_.Reload();
    const tls::CertificateInventory inventory = Look();
    ASSERT_TRUE(inventory.served_path);
    EXPECT_EQ(inventory.served_path->wrong_purpose, one.wrong);
    ASSERT_EQ(inventory.files.front().role, "server");
    EXPECT_EQ(inventory.files.front().chain_path->wrong_purpose, one.wrong);
    ASSERT_EQ(inventory.roots.size(), 1U);
    EXPECT_EQ(inventory.roots[0].errors,
              one.wrong.empty() ? std::vector<std::string_view>() : std::vector<std::string_view>{"wrong_purpose"});
    for (const std::string mode : {"verify-full host=localhost", "verify-ca", "require"}) {
      const auto refusal = WhyNot("sslrootcert=" + root_file_ + " sslmode=" + mode);
      EXPECT_EQ(refusal.has_value(), !one.wrong.empty()) << mode << refusal.value_or("");
    }
    EXPECT_FALSE(WhyNot("sslrootcert=/none sslmode=require")) << "without a root file nothing is verified";
    support::Client prefer(server_.Conninfo("user=postgres sslcrl=/none sslmode=prefer sslrootcert=" + root_file_));
    EXPECT_EQ(prefer.Value("select ssl from pg_stat_ssl where pid = pg_backend_pid()"), one.wrong.empty() ? "t" : "f");
  }
}

TEST_F(PurposesPgTest, TheServerRefusesAClientsCertificateThatExcludesClients) {
  struct Case {
    const char* name;
    Certificate certificate;
    bool accepted;
  };
  const Case cases[] = {
      {"none", root_.Issue(For("")), true},
      {"for clients", root_.Issue(For("clientAuth")), true},
      {"for both", root_.Issue(For("serverAuth,clientAuth")), true},
      {"for servers", root_.Issue(For("serverAuth")), false},
      {"for anything", root_.Issue(For("anyExtendedKeyUsage")), false},
      {"server-gated cryptography", root_.Issue(For("msSGC")), false},
      {"an authority for servers", Authority(root_, "serverAuth").Issue(For("clientAuth")), false},
      {"an authority for clients", Authority(root_, "clientAuth").Issue(For("")), true},
  };
  for (const Case& one : cases) {
    const auto refusal =
        WhyNot("sslrootcert=/none sslmode=require sslcert=" + files_.Write("c.crt", one.certificate.chain) +
               " sslkey=" + files_.Write("c.key", one.certificate.key));
    EXPECT_EQ(refusal.has_value(), !one.accepted) << one.name << ": " << refusal.value_or("");
  }
}

// As seen by the verdict about ssl_ca_file.
TEST_F(PurposesPgTest, AnAuthorityForServersIssuesNoClients) {
  const TestCa for_servers("Servers", For("serverAuth"));
  const TestCa for_clients("Clients", For("clientAuth"));
  server_.WriteDataFile("root.crt", for_servers.certificate() + for_clients.certificate());
  // Files and session of seconds that show what the server has loaded.
  support::LetASecondPass();
  server_.Reload();
  harness_.Connect(conninfo_);
  const tls::CertificateInventory inventory = Look();
  ASSERT_EQ(inventory.clients->authorities.size(), 2U);
  EXPECT_EQ(inventory.clients->authorities[0].refusals, (std::vector<tls::Refusal>{{"wrong_purpose", "CN=Servers"}}));
  EXPECT_TRUE(inventory.clients->authorities[1].refusals.empty());
  const auto accepted = [&](const TestCa& authority) {
    const Certificate client = authority.Issue({.common_name = "ann"});
    return !WhyNot("sslrootcert=/none sslmode=require sslcert=" + files_.Write("a.crt", client.chain) +
                   " sslkey=" + files_.Write("a.key", client.key));
  };
  EXPECT_FALSE(accepted(for_servers));
  EXPECT_TRUE(accepted(for_clients));
}

}  // namespace
}  // namespace pgtls::collectors
