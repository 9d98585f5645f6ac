// The endpoint collector on real servers in every state, with psql, openssl and sslscan as witnesses.
#include "collectors/endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <regex>

#include "exporter/base/error.h"
#include "exporter/db/linked_libpq.h"
#include "exporter/db/target.h"
#include "exporter/tls/endpoint_facts.h"
#include "tests/collectors/harness.h"
#include "tests/support/postgres_server.h"
#include "tests/support/psql.h"

namespace pgtls::collectors {
namespace {

using support::Certificate;
using support::PostgresServer;
using support::ServerTls;
using support::TempDir;
using tls::EndpointFacts;

const std::string kLocal = "local all all trust\n";
const std::string kHost = kLocal + "host all all 127.0.0.1/32 trust\n";
const std::string kHostssl = kLocal + "hostssl all all 127.0.0.1/32 scram-sha-256\n";

// One letter a mode, in the order of kSslModes: E encrypted, P plaintext, - does not connect, . not told.
std::string Table(const EndpointFacts& facts) {
  std::string result;
  for (const auto& verdict : facts.sslmodes) {
    if (!verdict.connects) {
      result += '.';
    } else {
      result += !*verdict.connects ? '-' : !verdict.encrypted ? 'c' : *verdict.encrypted ? 'E' : 'P';
    }
  }
  return result;
}

class EndpointPgTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    ca_ = new support::TestCa;
    server_ = new PostgresServer({.hba = kLocal, .tls = ServerTls{ca_->IssueForLocalhost(), ca_->certificate(), ""}});
    server_->Execute("CREATE ROLE app LOGIN PASSWORD 'secret'");
  }
  static void TearDownTestSuite() {
    delete server_;
    delete ca_;
  }

  void Configure(const std::string& hba, const Certificate& certificate, const std::string& setting = "") {
    server_->SetHba(hba);
    server_->SetTls({certificate, ca_->certificate(), ""});
    server_->Set("ssl_min_protocol_version = 'TLSv1.2'");
    if (!setting.empty()) server_->Set(setting);
    server_->Reload();
  }

  std::string Conninfo(const std::string& more) const {
    return "host=localhost hostaddr=127.0.0.1 user=app dbname=postgres port=" + std::to_string(server_->port()) +
           " sslcert=/none sslcrl=/none gssencmode=disable sslrootcert=" + root_ + " " + more;
  }

  // A collection by a collector that has seen nothing yet.
  EndpointFacts Look(const std::string& more = "") const {
    Harness harness(EndpointCollector());
    // One that goes with all other options; the table is of every sslmode.
    harness.target = db::ResolveTarget(Conninfo(more + " sslmode=verify-full"));
    harness.peer = db::Peer{IpAddress::Parse("127.0.0.1"), server_->port(), "localhost", "app", "postgres"};
    return *harness.Collect().facts.Get<EndpointFacts>();
  }

  // What psql with each sslmode gets, in the letters of Table().
  std::string Psql(const std::string& more) const {
    std::string result;
    for (const tls::SslMode mode : tls::kSslModes) {
      const std::string conninfo = Conninfo(more + " sslmode=" + std::string(ToString(mode)));
      const auto run = support::RunProcess({support::Psql(), "-X", "-w", "-At", "-d", conninfo, "-c",
                                            "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"},
                                           {.environment = {{"PGPASSWORD", "secret"}}});
      result += run.exit_code != 0 ? '-' : run.out == "t\n" ? 'E' : 'P';
    }
    return result;
  }

  // The table must be psql's, and this.
  void Expect(const std::string& table, const std::string& more = "") const {
    EXPECT_EQ(Table(Look(more)), table);
    EXPECT_EQ(Psql(more), table);
  }

  static inline support::TestCa* ca_ = nullptr;
  static inline PostgresServer* server_ = nullptr;
  TempDir files_;
  std::string root_ = files_.Write("root.crt", ca_->certificate());
  Certificate good_ = ca_->IssueForLocalhost();
};

TEST_F(EndpointPgTest, HbaDecides) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {kHost, "PPEEEE"},
      {kHostssl, "-EEEEE"},
      {kLocal + "hostnossl all all 127.0.0.1/32 trust\n", "PPP---"},
      {kLocal + "host all all 127.0.0.1/32 reject\n", "------"},
      {kLocal + "host postgres postgres 127.0.0.1/32 trust\n", "------"},
      {kLocal + "hostssl all all 127.0.0.1/32 reject\nhost all all 127.0.0.1/32 scram-sha-256\n", "PPP---"},
      {kLocal + "hostnossl all all 127.0.0.1/32 reject\nhost all all 127.0.0.1/32 md5\n", "-EEEEE"},
      {kLocal + "hostssl all all 127.0.0.1/32 cert\nhostnossl all all 127.0.0.1/32 password\n", "PPP---"},
  };
  for (const auto& [hba, table] : cases) {
    SCOPED_TRACE(hba);
    Configure(hba, good_);
    Expect(table);
  }
}

TEST_F(EndpointPgTest, SslOff) {
  Configure(kHost, good_, "ssl = off");
  const EndpointFacts facts = Look();
  EXPECT_EQ(facts.ssl_answer, tls::Answer::kNo);
  EXPECT_EQ(facts.handshake, std::nullopt);
  EXPECT_EQ(facts.plaintext_accepted, true);
  Expect("PPP---");
  Configure(kHostssl, good_, "ssl = off");
  EXPECT_EQ(Look().plaintext_accepted, false);
  Expect("------");
}

TEST_F(EndpointPgTest, TheSettingIsOnAndTheWireSaysNo) {
  Configure(kHost, good_, "ssl = off");
  server_->Set("ssl = on");
  server_->WriteDataFile("server.key", support::SelfSigned({}).key);
  server_->Reload();
  EXPECT_EQ(server_->Query("SHOW ssl")[0][0], "on");
  EXPECT_EQ(Look().ssl_answer, tls::Answer::kNo);
}

TEST_F(EndpointPgTest, CertificatesDecide) {
  struct Case {
    const char* name;
    Certificate certificate;
    std::string hba, table;
    std::vector<std::string_view> chain_errors;
    std::string_view hostname_error;
  };
  const Certificate unknown = support::TestCa("Other CA").IssueForLocalhost();
  const Certificate wrong_name = ca_->Issue({.common_name = "localhost", .dns_names = {"other.example"}});
  const Certificate expired = ca_->Issue({.dns_names = {"localhost"}, .not_after = -std::chrono::minutes(1)});
  const Certificate future = ca_->Issue({.dns_names = {"localhost"}, .not_before = std::chrono::hours(1)});
  const std::vector<Case> cases = {
      {"unknown", unknown, kHost, "PPP---", {"unknown_ca"}, ""},
      {"unknown, hostssl", unknown, kHostssl, "------", {"unknown_ca"}, ""},
      {"self-signed", support::SelfSigned({}), kHost, "PPP---", {"self_signed"}, ""},
      {"wrong name", wrong_name, kHost, "PPEEE-", {}, "mismatch"},
      {"expired", expired, kHostssl, "------", {"expired"}, ""},
      {"not yet valid", future, kHost, "PPP---", {"not_yet_valid"}, ""},
      {"through an intermediate", ca_->Intermediate("Issuing CA").IssueForLocalhost(), kHost, "PPEEEE", {}, ""},
      {"common name alone", ca_->Issue({.common_name = "localhost"}), kHost, "PPEEEE", {}, ""},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    Configure(c.hba, c.certificate);
    const EndpointFacts facts = Look();
    EXPECT_EQ(facts.handshake, true);
    EXPECT_EQ(facts.chain_errors, c.chain_errors);
    EXPECT_EQ(facts.hostname_error, c.hostname_error);
    Expect(c.table);
  }
}

TEST_F(EndpointPgTest, WithoutARootCertificateNobodyVerifies) {
  root_ = "/none";
  Configure(kHost, support::TestCa("Other CA").IssueForLocalhost());
  EXPECT_EQ(Table(Look()), "PPEE..");
  EXPECT_EQ(Psql(""), "PPEE--");
}

TEST_F(EndpointPgTest, ARevokedCertificate) {
  Configure(kHost, good_);
  Expect("PPP---", "sslcrl=" + files_.Write("root.crl", ca_->Crl({good_})));
}

TEST_F(EndpointPgTest, ClientCertificates) {
  const auto client = [&](const Certificate& certificate, const std::string& name) {
    return " sslcert=" + files_.Write(name + ".crt", certificate.chain) +
           " sslkey=" + files_.Write(name + ".key", certificate.key);
  };
  const std::string good = client(ca_->Issue({.common_name = "app"}), "good");
  const std::string unknown = client(support::TestCa("Other CA").Issue({.common_name = "app"}), "unknown");
  Configure(kLocal + "hostssl all all 127.0.0.1/32 cert\n", good_);
  EXPECT_TRUE(Look().tls->client_certificate_requested);
  Expect("------");
  Expect("-EEEEE", good);
  Configure(kHost, good_);
  Expect("PPEEEE", good);
  // In TLS 1.3 the server refuses it after the client's handshake is over, in 1.2 before.
  Expect("PP----", unknown);
  Expect("PPP---", unknown + " ssl_max_protocol_version=TLSv1.2");
  // Files that libpq cannot use.
  Expect("PPP---", good + " sslkey=" + files_.Write("open.key", "", 0644));
  root_ = files_.Write("text", "no certificate");
  Expect("PPP---");
}

TEST_F(EndpointPgTest, AVersionThatTheServerRefuses) {
  Configure(kHost, good_, "ssl_min_protocol_version = 'TLSv1.3'");
  Expect("PPP---", "ssl_max_protocol_version=TLSv1.2");
  Expect("PPEEEE");
}

// With a libpq that has the options, as its psql does; else both refuse them.
TEST_F(EndpointPgTest, OptionsOfNewerReleasesOfLibpq) {
  const Certificate client = ca_->Issue({.common_name = "app"});
  const std::string with_certificate =
      " sslcert=" + files_.Write("app.crt", client.chain) + " sslkey=" + files_.Write("app.key", client.key);
  const std::string password = kLocal + "host all all 127.0.0.1/32 password\n";
  const std::string cert = kLocal + "hostssl all all 127.0.0.1/32 cert\n";
  struct Case {
    int since;
    std::string hba, options, table;
  };
  const std::vector<Case> cases = {
      {17, kHost, "sslnegotiation=direct", server_->major() >= 17 ? "---EEE" : "------"},
      {17, kHost, "sslnegotiation=postgres", "PPEEEE"},
      {15, cert, with_certificate, "-EEEEE"},
      {16, cert, with_certificate + " sslcertmode=disable", "------"},
      {16, kHost, "sslcertmode=require", "------"},
      {16, kHost, with_certificate + " sslcertmode=require", "--EEEE"},
      {16, kHost, "require_auth=none", "PPEEEE"},
      {16, kHost, "require_auth=scram-sha-256", "------"},
      {16, kHost, "require_auth=!none", "------"},
      {16, kHostssl, "require_auth=scram-sha-256", "-EEEEE"},
      {16, kHostssl, "require_auth=password,scram-sha-256", "-EEEEE"},
      {16, kHostssl, "require_auth=!scram-sha-256", "------"},
      {16, password, "require_auth=!password,!md5", "------"},
      {16, password, "require_auth=password", "PPEEEE"},
      {16, password, "require_auth=md5", "------"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.hba + c.options);
    Configure(c.hba, good_);
    if (db::LibpqMajor() >= c.since) {
      Expect(c.table, c.options);
    } else {
      EXPECT_THROW(Look(c.options), ConfigError);
      EXPECT_EQ(Psql(c.options), "------");
    }
  }
}

TEST_F(EndpointPgTest, TheSystemsRootCertificates) {
  // OpenSSL's name for them.
  setenv("SSL_CERT_FILE", root_.c_str(), 1);
  const std::string revoked = "sslcrl=" + files_.Write("root.crl", ca_->Crl({good_}));
  root_ = "system";
  const bool known = db::LibpqMajor() >= 16;
  Configure(kHost, good_);
  if (known) {
    Expect("-----E");
    Expect("-----E", revoked);  // libpq reads no lists then
    Configure(kHost, ca_->Issue({.dns_names = {"other.example"}}));
    Expect("------");
    Configure(kHost, support::TestCa("Other CA").IssueForLocalhost());
    EXPECT_EQ(Look().chain_errors, std::vector<std::string_view>{"unknown_ca"});
    Expect("------");
  } else {
    EXPECT_THROW(Look(), ConfigError);
  }
  unsetenv("SSL_CERT_FILE");
}

// A reload of the exporter's configuration keeps the collector and may change its user.
TEST_F(EndpointPgTest, TheVerdictIsTheUsersOwn) {
  Configure(kLocal + "host all app 127.0.0.1/32 reject\nhost all all 127.0.0.1/32 scram-sha-256\n", good_);
  Harness harness(EndpointCollector());
  harness.target = db::ResolveTarget(Conninfo(""));
  const auto look = [&](const std::string& user) {
    harness.peer = db::Peer{IpAddress::Parse("127.0.0.1"), server_->port(), "localhost", user, "postgres"};
    return *harness.Collect().facts.Get<EndpointFacts>();
  };
  EXPECT_EQ(look("app").plaintext_accepted, false);
  const EndpointFacts other = look("other");
  EXPECT_EQ(other.plaintext_accepted, true);
  EXPECT_EQ(Table(other), "PPEEEE");
}

TEST_F(EndpointPgTest, AMethodThatFailsByItselfHasLetUsReachIt) {
  Configure(kLocal + "host all all 127.0.0.1/32 ident\n", good_);
  const EndpointFacts facts = Look();
  EXPECT_EQ(facts.plaintext_accepted, true);
  EXPECT_EQ(Table(facts), "PEPEEE");
}

TEST_F(EndpointPgTest, ErrorsThatSayNothingAboutHbaAreNotTold) {
  Configure(kHostssl, good_);
  Harness harness(EndpointCollector());
  harness.target = db::ResolveTarget(Conninfo(""));
  harness.peer = db::Peer{IpAddress::Parse("127.0.0.1"), server_->port(), "localhost", "", "postgres"};
  harness.target.options.erase("user");
  // No user name: an error of its own (28000, another routine), before pg_hba is asked.
  const sampling::Output output = harness.Collect();
  const auto facts = output.facts.Get<EndpointFacts>();
  EXPECT_EQ(facts->plaintext_accepted, std::nullopt);
  EXPECT_EQ(Table(*facts), "......");
  std::string incomplete;
  for (const auto& [part, reason, detail] : output.incomplete) incomplete += part + ":" + reason + " ";
  EXPECT_EQ(incomplete, "plaintext:no_answer sslmode:no_answer ");
}

TEST_F(EndpointPgTest, WhatIsNegotiated) {
  Configure(kHostssl, good_);
  const EndpointFacts facts = Look();
  EXPECT_EQ(facts.tls->version, "TLSv1.3");
  EXPECT_EQ(facts.tls->alpn, server_->major() >= 17 ? "postgresql" : "");
  EXPECT_EQ(facts.direct_tls, server_->major() >= 17 ? std::optional(true) : std::nullopt);
  EXPECT_EQ(facts.gss_offered, server_->is_debian());
  const auto witness = support::RunProcess(
      {"openssl", "s_client", "-starttls", "postgres", "-connect", "127.0.0.1:" + std::to_string(server_->port())});
  EXPECT_THAT(witness.out, testing::HasSubstr("Cipher is " + facts.tls->cipher));
  EXPECT_THAT(witness.out,
              testing::ContainsRegex("(Server Temp Key|Peer Temp Key|Negotiated TLS1.3 group): .*" + facts.tls->group));
}

TEST_F(EndpointPgTest, VersionsAsSslscanSeesThem) {
  const auto sslscan = [&] {
    const std::string out = support::RunProcess({"sslscan", "--starttls-psql", "--no-colour", "--no-ciphersuites",
                                                 "--no-fallback", "--no-renegotiation", "--no-heartbleed",
                                                 "--no-groups", "127.0.0.1:" + std::to_string(server_->port())})
                                .out;
    std::map<std::string, bool> versions;
    const std::regex line(R"((TLSv1\.[0-3])\s+(enabled|disabled))");
    for (std::sregex_iterator match(out.begin(), out.end(), line), end; match != end; ++match) {
      versions[(*match)[1] == "TLSv1.0" ? "TLSv1" : (*match)[1].str()] = (*match)[2] == "enabled";
    }
    return versions;
  };
  const auto ours = [&] {
    std::map<std::string, bool> versions;
    for (const auto& [version, accepted] : Look().protocols) versions[std::string(version)] = accepted;
    return versions;
  };
  Configure(kHostssl, good_);
  const std::map<std::string, bool> modern = {
      {"TLSv1", false}, {"TLSv1.1", false}, {"TLSv1.2", true}, {"TLSv1.3", true}};
  EXPECT_EQ(ours(), modern);
  EXPECT_EQ(sslscan(), modern);
  Configure(kHostssl, good_, "ssl_min_protocol_version = 'TLSv1'\nssl_ciphers = 'ALL:@SECLEVEL=0'");
  const std::map<std::string, bool> old = {{"TLSv1", true}, {"TLSv1.1", true}, {"TLSv1.2", true}, {"TLSv1.3", true}};
  EXPECT_EQ(ours(), old);
  EXPECT_EQ(sslscan(), old);
  server_->Set("ssl_ciphers = 'HIGH:MEDIUM:+3DES:!aNULL'");
}

TEST_F(EndpointPgTest, ProbesThatAreLetInAreTheExportersOwn) {
  Configure(kHost, good_);
  Harness harness(EndpointCollector());
  harness.target = db::ResolveTarget(Conninfo(""));
  harness.peer = db::Peer{IpAddress::Parse("127.0.0.1"), server_->port(), "localhost", "app", "postgres"};
  harness.Collect();
  EXPECT_FALSE(harness.own_backends.pids().empty());
  EXPECT_TRUE(support::WaitUntil(
      [] { return server_->Query("SELECT count(*) FROM pg_stat_activity WHERE usename = 'app'")[0][0] == "0"; }));
}

}  // namespace
}  // namespace pgtls::collectors
