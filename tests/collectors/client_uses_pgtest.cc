// Client certificates on a real server: what pg_stat_ssl shows of them is found in files and in the database of a real
// `openssl ca`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>

#include "collectors/certificates.h"
#include "collectors/sessions.h"
#include "exporter/db/target.h"
#include "tests/collectors/harness.h"
#include "tests/support/client.h"
#include "tests/support/files.h"
#include "tests/support/postgres_server.h"
#include "tests/support/process.h"

namespace pgtls::collectors {
namespace {

using std::chrono::days;
using support::Certificate;
using support::Client;
using support::PostgresServer;
using support::ServerTls;
using support::TestCa;
using testing::ElementsAre;

class ClientUsesPgTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* user : {"bob", "eve"}) server_.Query("CREATE ROLE " + std::string(user) + " LOGIN");
    const std::string conninfo = server_.Conninfo(
        "host=localhost hostaddr=127.0.0.1 user=postgres sslmode=require sslrootcert=/none sslcert=/none");
    harness_.Connect(conninfo);
    harness_.target = db::ResolveTarget(conninfo);
    harness_.peer = db::Peer{IpAddress::Parse("127.0.0.1"), server_.port(), "localhost", "postgres", "postgres"};
  }
  Client Connect(const std::string& user, const Certificate& certificate) {
    const std::string path = files_.Write(user + std::to_string(++written_) + ".crt", certificate.certificate);
    const std::string key = files_.Write(user + std::to_string(written_) + ".key", certificate.key);
    chmod(key.c_str(), 0600);
    return Client(
        server_.Conninfo("host=127.0.0.1 user=" + user + " sslmode=require sslcert=" + path + " sslkey=" + key));
  }
  // "bob 90 days", "eve unknown", with " revoked".
  std::vector<std::string> Uses() {
    harness_.facts = harness_.FactsOf(SessionsCollector());
    std::vector<std::string> lines;
    for (const tls::ClientUse& use : harness_.Collect().facts.Get<tls::CertificateInventory>()->client_uses) {
      lines.push_back(use.user + " unknown");
      if (use.not_after) {
        const auto left = std::chrono::round<days>(*use.not_after - std::chrono::system_clock::now());
        lines.back() = use.user + " " + std::to_string(left.count()) + " days";
      }
      if (use.revoked) lines.back() += " revoked";
      EXPECT_EQ(use.connections, 1U);
      EXPECT_THAT(use.addresses, ElementsAre("127.0.0.1"));
    }
    std::ranges::sort(lines);
    return lines;
  }
  files::InventoryPaths& inventory() { return harness_.options<CertificatesOptions>().client_inventory; }

  TestCa ca_{"Clients"};
  TestCa other_ca_{"Other clients"};
  support::TempDir files_;
  int written_ = 0;
  PostgresServer server_{{.hba = "local all all trust\nhostssl all all 127.0.0.1/32 trust\n",
                          .tls = ServerTls{ca_.IssueForLocalhost(), ca_.certificate() + other_ca_.certificate()}}};
  Harness harness_{CertificatesCollector()};
};

// Of two issuers with the same serial number; one name is longer than pg_stat_ssl shows.
TEST_F(ClientUsesPgTest, InFiles) {
  const Certificate bob = ca_.Issue(
      {.common_name = std::string(60, 'b'), .organization = "Example, Jürgen", .not_after = days(90), .serial = 77});
  const Certificate eve = other_ca_.Issue({.common_name = "eve", .not_after = days(9), .serial = 77});
  const Client first = Connect("bob", bob);
  const Client second = Connect("eve", eve);
  inventory().files = {files_.Write("other.crt", ca_.Issue({.common_name = "other"}).certificate)};
  EXPECT_THAT(Uses(), ElementsAre("bob unknown", "eve unknown"));
  inventory().files = {files_.path() + "/*"};
  EXPECT_THAT(Uses(), ElementsAre("bob 90 days", "eve 9 days"));
}

TEST_F(ClientUsesPgTest, InTheDatabaseOfAnAuthority) {
  const std::string directory = files_.path();
  files_.Write("ca.crt", ca_.certificate());
  files_.Write("ca.key", ca_.key());
  files_.Write("serial", "00F0\n");
  files_.Write("index.txt", "");
  files_.Write("crlnumber", "01\n");
  files_.Write("ca.cnf", "[ca]\ndefault_ca = d\n[d]\ndatabase = " + directory + "/index.txt\nserial = " + directory +
                             "/serial\ncrlnumber = " + directory + "/crlnumber\nnew_certs_dir = " + directory +
                             "\ncertificate = " + directory + "/ca.crt\nprivate_key = " + directory +
                             "/ca.key\ndefault_md = sha256\ndefault_days = 20\ndefault_crl_days = 9\npolicy = p\n[p]\n"
                             "commonName = supplied\norganizationName = optional\n");
  const auto issue = [&](const std::string& user, const std::string& subject) {
    const std::string base = directory + "/" + user;
    support::MustRun({"openssl", "req", "-new", "-utf8", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                      "-nodes", "-subj", subject, "-keyout", base + ".key", "-out", base + ".csr"});
    support::MustRun({"openssl", "ca", "-batch", "-utf8", "-config", directory + "/ca.cnf", "-in", base + ".csr",
                      "-out", base + ".crt", "-notext"});
    chmod((base + ".key").c_str(), 0600);
    return Client(server_.Conninfo("host=127.0.0.1 user=" + user + " sslmode=require sslcert=" + base +
                                   ".crt sslkey=" + base + ".key"));
  };
  const Client bob = issue("bob", "/O=Example, Jürgen/CN=bob");
  const Client eve = issue("eve", "/CN=" + std::string(64, 'e'));
  inventory().openssl_index = {directory + "/index.txt"};
  EXPECT_THAT(Uses(), ElementsAre("bob 20 days", "eve 20 days"));

  support::MustRun({"openssl", "ca", "-config", directory + "/ca.cnf", "-revoke", directory + "/eve.crt"});
  EXPECT_THAT(Uses(), ElementsAre("bob 20 days", "eve 20 days revoked"));

  // The authority's list, without its database.
  support::MustRun({"openssl", "ca", "-config", directory + "/ca.cnf", "-gencrl", "-out", directory + "/list.crl"});
  inventory() = {.files = {directory + "/ca.crt"}, .openssl_index = {}};
  harness_.options<CertificatesOptions>().files = {directory + "/list.crl"};
  EXPECT_THAT(Uses(), ElementsAre("bob unknown", "eve unknown revoked"));
}

}  // namespace
}  // namespace pgtls::collectors
