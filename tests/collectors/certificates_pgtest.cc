// The certificates collector on real servers: what is served, what is on disk, what the next start will say.
#include "collectors/certificates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>

#include "exporter/db/target.h"
#include "exporter/tls/inventory.h"
#include "tests/collectors/harness.h"
#include "tests/support/postgres_server.h"
#include "tests/support/seconds.h"

namespace pgtls::collectors {
namespace {

using support::Certificate;
using support::PostgresServer;
using support::ServerTls;
using testing::HasSubstr;
using testing::Not;
using tls::CertificateInventory;

constexpr const char* kRoleFile = "deploy/sql/monitoring_role.sql";
constexpr const char* kHba = "local all all trust\nhostssl all all 127.0.0.1/32 trust\n";

class CertificatesPgTest : public testing::Test {
 protected:
  void SetUp() override {
    server_.RunSqlFile(kRoleFile);
    server_.RunSqlFile(kRoleFile);
    Connect("user=tls_exporter");
  }
  void Connect(const std::string& more) {
    const std::string conninfo =
        server_.Conninfo("host=localhost hostaddr=127.0.0.1 sslmode=require sslrootcert=/none " + more);
    harness_.Connect(conninfo);
    harness_.target = db::ResolveTarget(conninfo);
    harness_.peer = db::Peer{IpAddress::Parse("127.0.0.1"), server_.port(), "localhost", "tls_exporter", "postgres"};
  }
  CertificateInventory Look(ReadVia via = ReadVia::kSql) {
    harness_.options<CertificatesOptions>().read_via = via;
    const sampling::Output output = harness_.Collect();
    incomplete_.clear();
    for (const auto& [part, reason, detail] : output.incomplete) {
      if (!part.starts_with("next_start")) incomplete_ += part + ":" + reason + " ";
    }
    return *output.facts.Get<CertificateInventory>();
  }
  // Problems of the server's files by role, "ok" where there is none.
  static std::string Files(const CertificateInventory& inventory) {
    std::string text;
    for (const auto& file : inventory.files)
      text += file.role + ":" + (file.problem.empty() ? "ok" : file.problem) + " ";
    return text;
  }

  support::TestCa ca_;
  support::TestCa issuing_ = ca_.Intermediate("Issuing CA");
  Certificate first_ = issuing_.IssueForLocalhost();
  PostgresServer server_{{.hba = kHba, .tls = ServerTls{first_, ca_.certificate(), ca_.Crl()}}};
  Harness harness_{CertificatesCollector()};
  std::string incomplete_;
};

TEST_F(CertificatesPgTest, ServedAndFilesThroughSqlAndHere) {
  const CertificateInventory sql = Look();
  EXPECT_EQ(Files(sql), "server:ok ca:ok crl:ok ");
  EXPECT_EQ(incomplete_, "");
  EXPECT_EQ(sql.served_matches_file, true);
  EXPECT_EQ(sql.key->readable, true);  // the server itself has tried; the rest cannot be seen
  EXPECT_EQ(sql.key->mode, std::nullopt);
  EXPECT_EQ(sql.next_start->ok(), std::nullopt);
  ASSERT_GE(sql.served.size(), 2u);
  EXPECT_EQ(sql.served[0].subject, "CN=localhost");
  EXPECT_EQ(sql.served[1].subject, "CN=Issuing CA");
  EXPECT_EQ(sql.files[0].path, server_.data_dir() + "/server.crt");

  const CertificateInventory local = Look(ReadVia::kLocal);
  EXPECT_EQ(Files(local), Files(sql));
  EXPECT_EQ(local.served, sql.served);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(local.files[i].path, sql.files[i].path);
    EXPECT_EQ(local.files[i].content.crls, sql.files[i].content.crls);
    ASSERT_EQ(local.files[i].content.certificates.size(), sql.files[i].content.certificates.size());
  }
  EXPECT_EQ(local.key->mode, true);
  EXPECT_EQ(local.key->owner, true);
  EXPECT_EQ(local.key->readable, true);
  EXPECT_EQ(local.key->matches_certificate, true);
  EXPECT_EQ(local.next_start->failures, std::vector<tls::StartFailure>());
}

TEST_F(CertificatesPgTest, OpensslSeesTheSameCertificate) {
  const std::string out =
      support::MustRun({"sh", "-c",
                        "openssl s_client -starttls postgres -connect 127.0.0.1:" + std::to_string(server_.port()) +
                            " </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256 -serial"});
  const CertificateInventory seen = Look();
  std::string fingerprint;
  for (const char c : out.substr(0, out.find('\n'))) {
    if (c != ':') fingerprint += static_cast<char>(std::tolower(c));
  }
  EXPECT_EQ(fingerprint, "sha256 fingerprint=" + seen.served[0].fingerprint_sha256);
  EXPECT_THAT(out, HasSubstr("serial=" + seen.served[0].serial + "\n"));
}

TEST_F(CertificatesPgTest, ReplacedLoadedAndFailedToLoad) {
  const Certificate second = issuing_.IssueForLocalhost();
  server_.WriteDataFile("server.crt", second.chain);
  server_.WriteDataFile("server.key", second.key);
  EXPECT_EQ(Look().served_matches_file, false);  // replaced, not loaded
  server_.Reload();
  EXPECT_EQ(Look().served_matches_file, true);
  const std::string serial = Look().served[0].serial;

  // A certificate without its key: the reload fails in silence, the old one stays on the wire, the next start fails.
  server_.WriteDataFile("server.crt", first_.chain);
  server_.Reload();
  CertificateInventory seen = Look(ReadVia::kLocal);
  EXPECT_EQ(seen.served[0].serial, serial);
  EXPECT_EQ(seen.served_matches_file, false);
  EXPECT_EQ(seen.key->matches_certificate, false);
  EXPECT_ANY_THROW(server_.Restart());
  server_.WriteDataFile("server.key", first_.key, 0644);
  EXPECT_ANY_THROW(server_.Start());
  server_.WriteDataFile("server.key", first_.key);
  server_.Start();
  Connect("user=tls_exporter");
  EXPECT_EQ(Look().served_matches_file, true);
}

TEST_F(CertificatesPgTest, KeyModes) {
  server_.WriteDataFile("server.key", first_.key, 0640);
  CertificateInventory seen = Look(ReadVia::kLocal);
  EXPECT_EQ(seen.key->mode, false);
  EXPECT_EQ(seen.key->owner, true);
  // 0640 and root's is what Debian does for /etc/ssl/private.
  chown((server_.data_dir() + "/server.key").c_str(), 0, 0);
  seen = Look(ReadVia::kLocal);
  EXPECT_EQ(seen.key->mode, true);
  EXPECT_EQ(seen.key->owner, true);
  chown((server_.data_dir() + "/server.key").c_str(), 1, 1);
  EXPECT_EQ(Look(ReadVia::kLocal).key->owner, false);
}

TEST_F(CertificatesPgTest, DirectoriesAboveTheKey) {
  const auto mode = [&](mode_t bits) { ASSERT_EQ(chmod(server_.data_dir().c_str(), bits), 0); };
  const auto shared = [&](ReadVia via) { return Look(via).key->shared_directories; };
  EXPECT_EQ(shared(ReadVia::kLocal), std::vector<tls::SharedDirectory>{});
  mode(0707);
  EXPECT_EQ(shared(ReadVia::kLocal), (std::vector<tls::SharedDirectory>{{server_.data_dir(), 0707}}));
  EXPECT_EQ(shared(ReadVia::kSql), std::nullopt);
  mode(0700);
}

TEST_F(CertificatesPgTest, BadCertificatesKeepAllTheirSeries) {
  const Certificate expired =
      support::TestCa("Gone CA").Issue({.not_before = -std::chrono::days(9), .not_after = -std::chrono::days(2)});
  server_.SetTls({expired, "", ""});
  server_.Reload();
  const CertificateInventory seen = Look();
  ASSERT_EQ(seen.served.size(), 1u);
  EXPECT_LT(*seen.served[0].not_after, std::chrono::system_clock::now() - std::chrono::days(1));
  EXPECT_EQ(seen.served_matches_file, true);
}

TEST_F(CertificatesPgTest, WithoutTlsTheFilesAreStillSeen) {
  Harness socket(CertificatesCollector());
  server_.Set("ssl = off");
  server_.Reload();
  socket.Connect(server_.SocketConninfo("user=tls_exporter"));
  socket.peer = db::Peer{std::nullopt, server_.port(), server_.socket_dir(), "tls_exporter", "postgres"};
  const auto seen = socket.Collect().facts.Get<CertificateInventory>();
  EXPECT_EQ(Files(*seen), "server:ok ca:ok crl:ok ");
  EXPECT_TRUE(seen->served.empty());
  EXPECT_EQ(seen->served_matches_file, std::nullopt);
}

TEST_F(CertificatesPgTest, PgMonitorAloneIsIncompleteAndNotFailing) {
  server_.Execute("CREATE ROLE monitor LOGIN; GRANT pg_monitor TO monitor");
  Connect("user=monitor");
  EXPECT_FALSE(Look().served.empty());
  EXPECT_EQ(incomplete_, "files:insufficient_privilege ");
  // A function that anybody could have made is not asked.
  server_.Execute(
      "DROP FUNCTION tls_exporter.certificate_files(); GRANT ALL ON SCHEMA tls_exporter TO monitor; SET ROLE monitor; "
      "CREATE FUNCTION tls_exporter.certificate_files(OUT role text, OUT path text, OUT problem text, OUT data bytea) "
      "RETURNS "
      "SETOF record LANGUAGE sql SECURITY DEFINER AS 'SELECT ''server'', ''/forged'', NULL::text, ''''::bytea'");
  EXPECT_TRUE(Look().files.empty());
}

TEST_F(CertificatesPgTest, MissingMalformedAndHashedFiles) {
  server_.WriteDataFile("server.crt", first_.certificate + "-----BEGIN CERTIFICATE-----\nMIIB\n" + first_.certificate);
  server_.WriteDataFile("root.crt", "no certificate here");
  server_.Set("ssl_crl_file = 'gone.crl'");
  server_.Set("ssl_crl_dir = 'crls'");
  support::MustRun({"install", "-d", "-o", "postgres", server_.data_dir() + "/crls"});
  server_.WriteDataFile("crls/0123abcd.r0", ca_.Crl({}, std::chrono::days(5)));
  server_.WriteDataFile("crls/notes.txt", "nothing");
  server_.Reload();
  const std::string expected = "server:malformed ca:no_certificate crl:missing crl:ok ";
  const CertificateInventory sql = Look();
  EXPECT_EQ(Files(sql), expected);
  EXPECT_EQ(sql.files[0].content.certificates.size(), 2u);
  EXPECT_EQ(sql.files[3].content.crls.size(), 1u);
  // The names are in another order here: they are sorted by path.
  const CertificateInventory local = Look(ReadVia::kLocal);
  EXPECT_THAT(Files(local), HasSubstr("server:malformed ca:no_certificate "));
  EXPECT_THAT(Files(local), HasSubstr("crl:missing "));
  EXPECT_THAT(Files(local), HasSubstr("crl:ok "));
}

TEST_F(CertificatesPgTest, ADirectoryOfListsThatCannotBeListedIsToldAsSuch) {
  const auto both = [&](const std::string& directory, const std::string& reason) {
    server_.Set("ssl_crl_dir = '" + directory + "'");
    support::LetASecondPass();
    server_.Reload();
    Connect("user=tls_exporter");
    const CertificateInventory sql = Look();
    // In a directory that is not there OpenSSL finds no list; what it would find in this one is not known.
    const bool closed = reason == "permission_denied";
    EXPECT_EQ(incomplete_, "files:" + reason + " " + (closed ? "client_certificates:permission_denied " : ""));
    EXPECT_THAT(Files(sql), HasSubstr("crl:" + reason + " "));
    const auto lost = std::ranges::find(sql.files, reason, &tls::FileReport::problem);
    ASSERT_NE(lost, sql.files.end());
    EXPECT_EQ(lost->path, server_.data_dir() + "/crls");
  };
  both("crls", "missing");
  Look(ReadVia::kLocal);
  EXPECT_EQ(incomplete_, "files:missing ");
  support::MustRun({"install", "-d", "-o", "postgres", "-m", "0", server_.data_dir() + "/crls"});
  both("crls", "permission_denied");
  both(server_.data_dir() + "/crls", "permission_denied");
  support::MustRun({"chmod", "700", server_.data_dir() + "/crls"});
  Look();
  EXPECT_EQ(incomplete_, "");
}

// The whole point of the function: whatever stands in those files, no key comes out.
TEST_F(CertificatesPgTest, NoKeyLeavesTheServer) {
  const auto read = [&] {
    support::Client client(server_.Conninfo("user=tls_exporter"));
    std::string all;
    for (const auto& row : client.Query("SELECT convert_from(data, 'UTF8') FROM tls_exporter.certificate_files()")) {
      all += row[0].value_or("");
    }
    return all;
  };
  const std::string secret = first_.key.substr(first_.key.find('\n') + 1, 40);
  const std::string tricks[] = {
      first_.key + first_.chain,
      "-----BEGIN CERTIFICATE-----\n" + first_.key + first_.chain,
      "-----BEGIN CERTIFICATE-----\nMIIB\n" + first_.key + "-----END CERTIFICATE-----\n" + first_.chain,
      first_.chain + std::string("\xff\0\x80\\", 4) + first_.key,
  };
  for (const std::string& text : tricks) {
    server_.WriteDataFile("server.crt", text);
    const std::string seen = read();
    EXPECT_THAT(seen, Not(HasSubstr(secret)));
    EXPECT_THAT(seen, Not(HasSubstr("PRIVATE")));
    EXPECT_THAT(seen, HasSubstr(first_.chain.substr(0, 200)));
  }
  // A setting that names the key itself.
  server_.Set("ssl_cert_file = 'server.key'");
  server_.Set("ssl_ca_file = 'PG_VERSION'");
  server_.Reload();
  EXPECT_THAT(read(), Not(HasSubstr(secret)));
  EXPECT_EQ(Files(Look()), "server:no_certificate ca:no_certificate crl:ok ");
  support::Client client(server_.Conninfo("user=tls_exporter"));
  EXPECT_ANY_THROW(client.Query("SELECT pg_read_binary_file('server.key')"));
  server_.Execute("CREATE ROLE other LOGIN");
  support::Client other(server_.Conninfo("user=other"));
  EXPECT_ANY_THROW(other.Query("SELECT * FROM tls_exporter.certificate_files()"));
}

TEST_F(CertificatesPgTest, PlantedOperatorsChangeNothing) {
  server_.Execute(
      "GRANT CREATE ON SCHEMA public TO tls_exporter; GRANT TEMPORARY ON DATABASE postgres TO tls_exporter");
  support::Client client(server_.Conninfo("user=tls_exporter"));
  client.Query(
      "CREATE FUNCTION public.pg_read_binary_file(text, int, int, bool) RETURNS bytea LANGUAGE sql AS 'SELECT "
      "''x''::bytea'");
  client.Query("SET search_path = public, pg_catalog");
  const auto rows = client.Query("SELECT data FROM tls_exporter.certificate_files() WHERE role = 'server'");
  EXPECT_THAT(*rows[0][0], HasSubstr("2d2d2d2d2d424547494e"));  // "-----BEGIN"
}

}  // namespace
}  // namespace pgtls::collectors
