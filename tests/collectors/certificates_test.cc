#include "collectors/certificates.h"

#include "tests/collectors/certificates_fixture.h"

namespace pgtls::collectors {
namespace {

TEST_F(CertificatesTest, Golden) {
  Local({{"ssl_cert_file", "server.crt"},
         {"ssl_key_file", "server.key"},
         {"ssl_ca_file", data_.Write("ca.crt", ca_.certificate())},
         {"ssl_crl_file", data_.Write("ca.crl", ca_.Crl())}});
  harness_.options<CertificatesOptions>().files = {data_.path() + "/none.p12"};
  const std::string page = support::Masked(Page(), {{R"((serial|fingerprint_sha256)="[0-9a-fA-F]*")", "$1=\"<hex>\""},
                                                    {R"((timestamp_seconds\{.*\}) .*)", "$1 <time>"}});
  EXPECT_TRUE(support::MatchesGolden("tests/collectors/testdata/certificates.prom", page));
}

TEST_F(CertificatesTest, ServedAndFileAreCompared) {
  const std::string matches = "pg_tls_served_certificate_matches_file{server=\"db\"} ";
  EXPECT_THAT(Page(), HasSubstr(matches + "1\n"));
  // Replaced and not loaded.
  data_.Write("server.crt", issuing_.IssueForLocalhost().chain);
  EXPECT_THAT(Page(), HasSubstr(matches + "0\n"));
  // The same certificate, with another chain behind it.
  data_.Write("server.crt", leaf_.certificate + ca_.certificate());
  EXPECT_THAT(Page(), HasSubstr(matches + "0\n"));
  // What the server adds by itself is no difference.
  data_.Write("server.crt", leaf_.certificate);
  EXPECT_THAT(Page(), HasSubstr(matches + "1\n"));
  data_.Write("server.crt", "nothing");
  EXPECT_THAT(Page(), Not(HasSubstr(matches)));
}

TEST_F(CertificatesTest, AnotherEndpointIsNotCompared) {
  harness_.server.endpoint = config::HostPort{"127.0.0.1", peer_.port()};
  const std::string page = Page();
  EXPECT_THAT(page, HasSubstr("source=\"served\""));
  EXPECT_THAT(page, Not(HasSubstr("pg_tls_served_certificate_matches_file")));
}

TEST_F(CertificatesTest, WithoutTlsNothingIsServedAndNothingIsMissing) {
  peer_.behaviour.ssl_answer = 'N';
  EXPECT_EQ(Incomplete(), "");
  EXPECT_THAT(Page(), Not(HasSubstr("source=\"served\"")));
  EXPECT_THAT(Page(), HasSubstr("source=\"file\""));
}

TEST_F(CertificatesTest, WithoutSqlTheServedChainGoesOn) {
  harness_.session = nullptr;
  EXPECT_EQ(Incomplete(), "files:connection ");
  const std::string page = Page();
  EXPECT_THAT(page, HasSubstr("source=\"served\",role=\"server\",path=\"\",position=\"0\",subject=\"CN=localhost\""));
  EXPECT_THAT(page, HasSubstr("source=\"served\",role=\"server\",path=\"\",position=\"1\",subject=\"CN=Issuing CA\""));
  EXPECT_THAT(page, Not(HasSubstr("matches_file")));
}

TEST_F(CertificatesTest, WithoutTheWireTheFilesGoOn) {
  harness_.peer->port = support::FreePort();
  EXPECT_EQ(Incomplete(), "served:connection ");
  EXPECT_THAT(Page(), HasSubstr("source=\"file\",role=\"server\",path=\"/data/server.crt\",position=\"1\""));
}

TEST_F(CertificatesTest, AServerThatDoesNotSayItsAnswerIsNotSaidToServeNothing) {
  peer_.behaviour.ssl_answer = 'E';
  EXPECT_EQ(Incomplete(), "served:connection ");
  peer_.behaviour.ssl_answer = 'X';
  EXPECT_EQ(Incomplete(), "served:connection ");
  peer_.behaviour.ssl_answer = 0;
  harness_.timeout = std::chrono::seconds(2);
  EXPECT_EQ(Incomplete(), "served:timeout ");
}

TEST_F(CertificatesTest, OverAUnixSocketFilesAreReadHere) {
  harness_.peer->address.reset();
  harness_.options<CertificatesOptions>().read_via = ReadVia::kAuto;
  EXPECT_EQ(Incomplete(), "");
  EXPECT_THAT(Page(),
              HasSubstr("pg_tls_certificate_file_readable{server=\"db\",role=\"server\",path=\"/data/server.crt\"} 1"));
}

TEST_F(CertificatesTest, OverTcpNoPathOfTheServersIsOpenedHere) {
  ViaSql({{"server", data_.path() + "/server.crt", std::nullopt, Hex(issuing_.certificate())},
          {"ca", "/etc/ca.crt", "missing", std::nullopt},
          {"crl", "/etc/ca.crl", "permission_denied", std::nullopt}});
  const std::string page = Page();
  EXPECT_THAT(page, HasSubstr("path=\"/data/server.crt\",position=\"0\",subject=\"CN=Issuing CA\""));
  EXPECT_THAT(page, HasSubstr("pg_tls_served_certificate_matches_file{server=\"db\"} 0\n"));
  EXPECT_EQ(Families(page, "pg_tls_certificate_file_error_info{"),
            "pg_tls_certificate_file_error_info{server=\"db\",role=\"ca\",path=\"/etc/ca.crt\",reason=\"missing\"} 1\n"
            "pg_tls_certificate_file_error_info{server=\"db\",role=\"crl\",path=\"/etc/"
            "ca.crl\",reason=\"permission_denied\"} "
            "1\n");
  EXPECT_THAT(page, Not(HasSubstr("pg_tls_private_key_ok")));
}

TEST_F(CertificatesTest, WithoutTheFunctionThePartIsIncomplete) {
  ViaSql({});
  Access({});
  EXPECT_EQ(Incomplete(), "files:insufficient_privilege ");
}

TEST_F(CertificatesTest, UnknownDataDirectory) {
  harness_.fake.answers["certificates_settings"].second = {{"ssl_cert_file", "server.crt", "default", "server.crt"}};
  EXPECT_EQ(Incomplete(), "files:insufficient_privilege ");
  EXPECT_THAT(Page(), Not(HasSubstr("server.crt")));
}

TEST_F(CertificatesTest, AnExpiredCertificateKeepsItsSeries) {
  const auto expired = ca_.Issue({.not_before = -std::chrono::days(30), .not_after = -std::chrono::days(1)});
  data_.Write("server.crt", expired.chain);
  const std::string line =
      Families(Page(), "pg_tls_certificate_not_after_timestamp_seconds{server=\"db\",source=\"file\"");
  const double end = std::stod(line.substr(line.rfind(' ')));
  EXPECT_NEAR(end, static_cast<double>(time(nullptr)) - 86400, 300);
}

std::string KeyChecks(const std::string& page) {
  std::string result;
  for (const char* check : {"mode", "owner", "readable", "matches_certificate"}) {
    const std::string line =
        "pg_tls_private_key_ok{server=\"db\",path=\"/data/server.key\",check=\"" + std::string(check) + "\"} ";
    const std::size_t at = page.find(line);
    result += at == std::string::npos ? '-' : page[at + line.size()];
  }
  return result;
}

TEST_F(CertificatesTest, ThePrivateKeyIsJudgedAsPostgresqlWill) {
  const std::string key = data_.path() + "/server.key";
  EXPECT_EQ(KeyChecks(Page()), "1111");
  EXPECT_EQ(Start(), "1 ");
  data_.Write("server.key", issuing_.key());
  EXPECT_EQ(KeyChecks(Page()), "1110");
  EXPECT_EQ(Start(), "0 key /data/server.key key_mismatch ");
  data_.Write("server.key", leaf_.key, 0644);
  EXPECT_EQ(KeyChecks(Page()), "0111");
  EXPECT_EQ(Start(), "0 key /data/server.key mode ");
  unlink(key.c_str());
  EXPECT_EQ(KeyChecks(Page()), "--00");
  EXPECT_EQ(Start(), "0 key /data/server.key missing ");
}

TEST_F(CertificatesTest, WithoutTlsNothingOfItIsLoaded) {
  AddSetting("ssl", "off");
  unlink((data_.path() + "/server.key").c_str());
  unlink((data_.path() + "/server.crt").c_str());
  EXPECT_EQ(Start(), "1 ");
  EXPECT_EQ(Incomplete(), "");
  EXPECT_EQ(UnknownOfStart(), "");
  const std::string page = Page();
  EXPECT_THAT(page, Not(HasSubstr("pg_tls_private_key_ok")));
  EXPECT_THAT(page, Not(HasSubstr("pg_tls_certificate_file_readable")));
  harness_.fake.answers["certificates_hba"].second = {{"0", "0"}};
  EXPECT_EQ(Start(), "0 hba /data/pg_hba.conf other ");
}

// Settings of the files win over those of the session, the command line over both.
TEST_F(CertificatesTest, AChangeThatWaitsCountsForTheNextStart) {
  auto& lines = harness_.fake.answers["certificates_file_settings"].second;
  lines = {{"postgresql.conf", "ssl_ca_file", "gone.crt", "f"}};
  EXPECT_EQ(Start(), "0 ca /data/gone.crt missing ");
  AddSetting("ssl_ca_file", "", "command line");
  EXPECT_EQ(Start(), "1 ");
  AddSetting("ssl_ca_file", "gone.crt", "configuration file");
  EXPECT_EQ(Start(), "0 ca /data/gone.crt missing ");
  lines.clear();
  EXPECT_EQ(Start(), "1 ");
  lines = {{"postgresql.conf", "ssl_prefer", "on", "t"}};
  EXPECT_EQ(Start(), "0 setting ssl_prefer other ");
  lines = {{"postgresql.conf", "max_connections", "9", "f"}};  // an error that stops no start
  EXPECT_EQ(Start(), "1 ");
}

TEST_F(CertificatesTest, WhatIsNotKnownOfTheNextStartIsAbsent) {
  Access({{"sees_hba", "t"}});
  EXPECT_EQ(Start(), "1 ");
  EXPECT_EQ(UnknownOfStart(), "next_start_settings:insufficient_privilege ");
  Access({{"sees_files", "t"}});
  EXPECT_EQ(Start(), "- ");
  EXPECT_EQ(UnknownOfStart(), "next_start_hba:insufficient_privilege ");
}

// A sidecar sees the socket and nothing else.
TEST_F(CertificatesTest, AnotherFileSystemIsNotTheServers) {
  harness_.peer->address.reset();
  harness_.options<CertificatesOptions>().read_via = ReadVia::kAuto;
  data_.Write("postmaster.pid", "1\n" + data_.path() + "\n1000\n5433\n");
  EXPECT_EQ(Incomplete(), "files:other_file_system ");
  EXPECT_THAT(Page(), Not(HasSubstr("role=\"server\",path=\"/")));
  EXPECT_EQ(Start(), "- ");
  unlink((data_.path() + "/postmaster.pid").c_str());
  EXPECT_EQ(Incomplete(), "files:other_file_system ");
  harness_.options<CertificatesOptions>().read_via = ReadVia::kLocal;
  EXPECT_EQ(Incomplete(), "files:other_file_system ");
}

// An endpoint is looked at beside the files, and does not decide where they are.
TEST_F(CertificatesTest, AnEndpointBesideAUnixSocket) {
  harness_.server.endpoint = config::HostPort{"127.0.0.1", peer_.port()};
  harness_.peer->address.reset();
  harness_.options<CertificatesOptions>().read_via = ReadVia::kAuto;
  EXPECT_EQ(KeyChecks(Page()), "1111");
}

TEST_F(CertificatesTest, AKeyThatTheExporterMayNotSeeIsTold) {
  data_.Write("server.crt", leaf_.chain, 0644);
  chmod(data_.path().c_str(), 0755);
  Give();
  {
    const Unprivileged nobody;
    EXPECT_EQ(KeyChecks(Page()), "111-");
    EXPECT_EQ(Incomplete(), "private_key:permission_denied ");
  }
  Closed("closed");
  const std::string key = data_.Write("closed/server.key", leaf_.key);
  Local({{"ssl_cert_file", "server.crt"}, {"ssl_key_file", key}});
  EXPECT_EQ(Incomplete(), "");
  const Unprivileged nobody;
  EXPECT_THAT(Page(), Not(HasSubstr("pg_tls_private_key_ok")));
  EXPECT_EQ(Incomplete(), "private_key:permission_denied ");
}

// It answers the question: the next start fails.
TEST_F(CertificatesTest, AKeyThatIsNotThereIsNoMissingPart) {
  unlink((data_.path() + "/server.key").c_str());
  EXPECT_EQ(KeyChecks(Page()), "--00");
  EXPECT_EQ(Incomplete(), "");
}

TEST_F(CertificatesTest, WhenTheServedCertificateChanged) {
  const auto changed = [&] { return Families(Page(), "pg_tls_served_certificate_changed_timestamp_seconds{"); };
  EXPECT_EQ(changed(), "");
  EXPECT_EQ(changed(), "");
  const WirePeer renewed(issuing_.IssueForLocalhost());
  const auto to = [&](const WirePeer& peer) { harness_.peer->port = peer.port(); };
  to(renewed);
  const std::string line = changed();
  EXPECT_TRUE(line.starts_with("pg_tls_served_certificate_changed_timestamp_seconds{server=\"db\"} ")) << line;
  EXPECT_NEAR(std::stod(line.substr(line.rfind(' '))), static_cast<double>(time(nullptr)), 60);
  // A handshake that fails tells nothing, and is no change.
  peer_.behaviour.ssl_answer = 'N';
  to(peer_);
  EXPECT_EQ(changed(), "");
  to(renewed);
  EXPECT_EQ(changed(), line);
  // A reload of the configuration that leaves the address as it is.
  harness_.server.collectors["sessions"] = {};
  EXPECT_EQ(changed(), line);
  harness_.target.options["host"] = "other.example";
  EXPECT_EQ(changed(), "") << "another server";
}

TEST_F(CertificatesTest, NeitherWireNorSqlNorName) {
  harness_.session = nullptr;
  harness_.peer.reset();
  harness_.target.options["host"] = "no such host";
  EXPECT_EQ(Incomplete(), "served:connection files:connection ");
}

}  // namespace
}  // namespace pgtls::collectors
