// What the collector makes of files: those it cannot read, directories, patterns, and too many of them.
#include "tests/collectors/certificates_fixture.h"

namespace pgtls::collectors {
namespace {

TEST_F(CertificatesTest, FilesThatCannotBeReadAreTold) {
  mkdir((data_.path() + "/directory").c_str(), 0700);
  Local({{"ssl_cert_file", data_.Write("empty.crt", "")},
         {"ssl_ca_file", "directory"},
         {"ssl_crl_file", data_.Write("no.crl", ca_.certificate())}});
  harness_.options<CertificatesOptions>().files = {
      data_.Write("bad.pem", leaf_.certificate + leaf_.certificate.substr(0, 100)), data_.path() + "/*.der"};
  const std::string page = Page();
  const auto reason = [](const std::string& role, const std::string& file, const std::string& why) {
    return "pg_tls_certificate_file_error_info{server=\"db\",role=\"" + role + "\",path=\"/data/" + file +
           "\",reason=\"" + why + "\"} 1\n";
  };
  EXPECT_EQ(Families(page, "pg_tls_certificate_file_error_info{"),
            reason("ca", "directory", "unreadable") + reason("crl", "no.crl", "no_crl") +
                reason("extra", "*.der", "missing") + reason("extra", "bad.pem", "malformed") +
                reason("server", "empty.crt", "no_certificate"));
  // The good block of a bad file.
  EXPECT_THAT(page, HasSubstr("role=\"extra\",path=\"/data/bad.pem\",position=\"0\",subject=\"CN=localhost\""));
}

TEST_F(CertificatesTest, RevocationListsOfADirectory) {
  mkdir((data_.path() + "/crls").c_str(), 0700);
  const std::string ca = data_.Write("ca.crt", ca_.certificate());
  const std::string hash = support::MustRun({"openssl", "x509", "-noout", "-hash", "-in", ca}).substr(0, 8);
  data_.Write("crls/" + hash + ".r0", ca_.Crl({}, -std::chrono::days(3)));
  data_.Write("crls/" + hash + ".r1", ca_.Crl({}, std::chrono::days(9)));
  data_.Write("crls/0123abcd.r0", ca_.Crl({}, -std::chrono::days(3)));
  data_.Write("crls/README", "none");
  Local({{"ssl_ca_file", ca}, {"ssl_crl_dir", "crls"}});
  const std::string page = Page();
  const std::string line = Families(page, "pg_tls_crl_next_update_timestamp_seconds{");
  EXPECT_THAT(line, testing::StartsWith("pg_tls_crl_next_update_timestamp_seconds{server=\"db\",path=\"/data/crls/" +
                                        hash + ".r1\",issuer=\"CN=Test CA\"} "));
  EXPECT_EQ(std::ranges::count(line, '\n'), 1) << "the list in force, and no other: " << line;
  EXPECT_THAT(page, Not(HasSubstr("README")));
}

// The server's expired list is critical, also where the configuration names the file too.
TEST_F(CertificatesTest, AListOfTheServersThatIsConfiguredTooIsTheServers) {
  const std::string crl = data_.Write("ca.crl", ca_.Crl({}, -std::chrono::days(1)));
  Local({{"ssl_ca_file", data_.Write("ca.crt", ca_.certificate())}, {"ssl_crl_file", crl}});
  harness_.options<CertificatesOptions>().files = {crl};
  const std::string page = Page();
  EXPECT_THAT(page, HasSubstr("pg_tls_crl_next_update_timestamp_seconds{server=\"db\",path=\"/data/ca.crl\""));
  EXPECT_THAT(page, Not(HasSubstr("pg_tls_crl_unknown_issuer_info{")));
}

// Authorities that number their certificates from 1 share a subject and serial after they have changed their key.
TEST_F(CertificatesTest, OfTwoAuthoritiesWithOneNameAndSerialTheRefusedOneIsShown) {
  const std::string good = support::TestCa("Old", {.serial = 1}).certificate();
  const std::string expired = support::TestCa("Old", {.not_after = -std::chrono::days(1), .serial = 1}).certificate();
  Local({{"ssl_ca_file", data_.Write("ca.crt", good + expired)}});
  const std::string page = Page();
  EXPECT_EQ(Families(page, "pg_tls_client_ca_accepted{"),
            "pg_tls_client_ca_accepted{server=\"db\",path=\"/data/ca.crt\",subject=\"CN=Old\",serial=\"01\"} 0\n");
}

TEST_F(CertificatesTest, WhatIsBeyondTheCapIsLeftOutAndCounted) {
  const auto lines = [](const std::string& page, const std::string& start) {
    const std::string found = Families(page, start);
    return std::ranges::count(found, '\n');
  };
  harness_.options<CertificatesOptions>().max_series = 3;
  const std::string soon = ca_.Issue({.common_name = "soon", .not_after = std::chrono::days(3)}).certificate;
  data_.Write("many.pem", leaf_.certificate + leaf_.certificate + leaf_.certificate + soon);
  for (const char* name : {"a.crl", "b.crl", "c.crl"}) data_.Write(name, ca_.Crl({}, std::chrono::days(9)));
  data_.Write("d.crl", ca_.Crl({}, std::chrono::days(2)));
  data_.Write("z.pem", "-----BEGIN CERTIFICATE-----\n");
  harness_.options<CertificatesOptions>().files = {data_.path() + "/*.pem", data_.path() + "/*.crl"};
  EXPECT_EQ(Incomplete(), "series:max_series ");
  const std::string page = Page();
  // The server's own, then what ends first.
  EXPECT_EQ(lines(page, "pg_tls_certificate_info{server=\"db\",source=\"file\""), 3);
  EXPECT_EQ(lines(page, "pg_tls_certificate_info{server=\"db\",source=\"file\",role=\"server\""), 2);
  EXPECT_THAT(page, HasSubstr("subject=\"CN=soon\""));
  EXPECT_EQ(lines(page, "pg_tls_crl_next_update_timestamp_seconds{"), 3);
  EXPECT_THAT(page, HasSubstr("path=\"/data/d.crl\",issuer=\"CN=Test CA\"} "));
  EXPECT_EQ(lines(page, "pg_tls_certificate_file_readable{"), 3);
  EXPECT_THAT(page, HasSubstr("path=\"/data/z.pem\",reason=\"malformed\"} 1\n")) << "a fault comes first";
  EXPECT_EQ(Families(page, "pg_tls_certificate_series_omitted{"),
            "pg_tls_certificate_series_omitted{server=\"db\",kind=\"certificate\"} 3\n"
            "pg_tls_certificate_series_omitted{server=\"db\",kind=\"crl\"} 1\n"
            "pg_tls_certificate_series_omitted{server=\"db\",kind=\"file\"} 4\n");
}

// Of a bundle for clients of other servers, too: what no verification depends on has its mark.
TEST_F(CertificatesTest, WhatNoPathNeedsInAConfiguredFileIsMarked) {
  const support::TestCa old("Old", {.not_before = -std::chrono::days(90), .not_after = -std::chrono::days(1)});
  const support::TestCa renewed = old.Renewed({.not_before = -std::chrono::days(2)});
  const support::TestCa gone("Gone", {.not_before = -std::chrono::days(90), .not_after = -std::chrono::days(1)});
  harness_.options<CertificatesOptions>().files = {
      data_.Write("bundle.pem", old.certificate() + renewed.certificate() + gone.certificate())};
  const std::string page = Page();
  EXPECT_EQ(Families(page, "pg_tls_certificate_unneeded_info{"),
            "pg_tls_certificate_unneeded_info{server=\"db\",source=\"file\",role=\"extra\",path=\"/data/bundle.pem\","
            "position=\"0\",subject=\"CN=Old\"} 1\n");
  EXPECT_THAT(page,
              HasSubstr("pg_tls_certificate_not_after_timestamp_seconds{server=\"db\",source=\"file\",role=\"extra\","
                        "path=\"/data/bundle.pem\",position=\"2\",subject=\"CN=Gone\"} "));
}

// The same before it is known whether the server has loaded its file.
TEST_F(CertificatesTest, WhatIsNotLoadedIsNoVerdict) {
  const support::TestCa old("Old", {.not_before = -std::chrono::days(90), .not_after = -std::chrono::days(1)});
  const support::TestCa renewed = old.Renewed({.not_before = -std::chrono::days(2)});
  const std::string ca = data_.Write("ca.crt", old.certificate() + renewed.certificate());
  Local({{"ssl_ca_file", ca}});
  EXPECT_EQ(Incomplete(), "");
  EXPECT_THAT(Page(), HasSubstr("pg_tls_client_ca_accepted{"));
  const std::string start = UnknownOfStart();
  loaded_ = "2000";
  Local({{"ssl_ca_file", ca}});
  EXPECT_EQ(Incomplete(), "client_certificates:reloaded ");
  harness_.fake.answers["certificates_access"].second[0].end()[-2] = "t";  // loaded_exactly
  EXPECT_EQ(Incomplete(), "client_certificates:pending_reload ");
  const std::string page = Page();
  EXPECT_THAT(page, Not(HasSubstr("pg_tls_client_ca")));
  EXPECT_EQ(UnknownOfStart(), start) << "the next start loads the files as they are";
  EXPECT_THAT(page, HasSubstr("pg_tls_certificate_unneeded_info{server=\"db\",source=\"file\",role=\"ca\",path=\"/data/"
                              "ca.crt\",position=\"0\""));
}

// A server may send a hundred kilobytes of certificates, and different ones each time.
TEST_F(CertificatesTest, OfALongServedChainTheFirstCertificatesAreShown) {
  support::Certificate padded = leaf_;
  for (int i = 0; i < 20; ++i) padded.chain += support::TestCa("Root " + std::to_string(i)).certificate();
  const WirePeer peer(padded);
  harness_.peer->port = peer.port();
  const std::string page = Page();
  const std::string served = Families(page, "pg_tls_certificate_info{server=\"db\",source=\"served\"");
  EXPECT_EQ(std::ranges::count(served, '\n'), 16);
  EXPECT_THAT(served, HasSubstr("position=\"0\",subject=\"CN=localhost\""));
  EXPECT_THAT(page, HasSubstr("pg_tls_certificate_series_omitted{server=\"db\",kind=\"certificate\"} 6\n"));
  EXPECT_EQ(Incomplete(), "series:max_series ");
}

// What cannot be listed would be gone from the page without a word, list by list.
TEST_F(CertificatesTest, ADirectoryOfListsThatCannotBeReadIsTold) {
  const auto lost = [&](const std::string& directory, const std::string& reason) {
    Local({{"ssl_crl_dir", directory}});
    EXPECT_EQ(Incomplete(), "files:" + reason + " ");
    const std::string page = Page();
    EXPECT_THAT(page, HasSubstr("pg_tls_certificate_file_readable{server=\"db\",role=\"crl\",path=\"/data/" +
                                directory + "\"} 0\n"));
    EXPECT_THAT(page, HasSubstr("path=\"/data/" + directory + "\",reason=\"" + reason + "\"} 1\n"));
    EXPECT_THAT(ListDirectory(), testing::ElementsAre("/data/" + directory));
  };
  lost("none", "missing");
  ASSERT_EQ(symlink("loop", (data_.path() + "/loop").c_str()), 0);
  lost("loop", "unreadable");
  Closed("closed");
  const Unprivileged nobody;
  lost("closed", "permission_denied");
}

TEST_F(CertificatesTest, ADirectoryOfListsThatTheServerCannotReadIsTold) {
  const std::string good = Hex(ca_.Crl());
  AddSetting("ssl_crl_file", "/data/ca.crl");
  ViaSql({{"crl_dir", "/data/crls", "missing", std::nullopt}, {"crl", "/data/ca.crl", std::nullopt, good}});
  EXPECT_EQ(Incomplete(), "files:missing ");
  EXPECT_THAT(ListDirectory(), testing::ElementsAre("/data/crls"));
  const std::string page = Page();
  EXPECT_EQ(Families(page, "pg_tls_certificate_file_readable{server=\"db\",role=\"crl"),
            "pg_tls_certificate_file_readable{server=\"db\",role=\"crl\",path=\"/data/ca.crl\"} 1\n"
            "pg_tls_certificate_file_readable{server=\"db\",role=\"crl\",path=\"/data/crls\"} 0\n");
  EXPECT_THAT(page, HasSubstr("role=\"crl\",path=\"/data/crls\",reason=\"missing\"} 1\n"));
}

TEST_F(CertificatesTest, APatternWhoseDirectoryCannotBeReadIsTold) {
  data_.Write("open.pem", leaf_.certificate);
  harness_.options<CertificatesOptions>().files = {data_.path() + "/*.pem", data_.path() + "/*.der"};
  EXPECT_EQ(Incomplete(), "");  // looked, and nothing is there
  harness_.options<CertificatesOptions>().files = {data_.path() + "/none/*.pem"};
  EXPECT_EQ(Incomplete(), "files:missing ");
  Closed("closed");
  data_.Write("closed/one.pem", leaf_.certificate);
  harness_.options<CertificatesOptions>().files = {data_.path() + "/closed/*.pem", data_.path() + "/o*.pem"};
  EXPECT_EQ(Incomplete(), "");
  const Unprivileged nobody;
  harness_.session = nullptr;
  EXPECT_EQ(Incomplete(), "files:connection files:permission_denied ");
  const std::string page = Page();
  EXPECT_THAT(page, HasSubstr("path=\"/data/closed/*.pem\",reason=\"permission_denied\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("role=\"extra\",path=\"/data/open.pem\"} "));
}

// Through SQL a list that ssl_crl_file names absolutely and ssl_crl_dir relatively comes twice.
TEST_F(CertificatesTest, AFileThatIsReportedTwiceIsOne) {
  const std::string list = Hex(ca_.Crl());
  ViaSql({{"server", "/data/server.crt", std::nullopt, Hex(leaf_.chain + leaf_.chain)},
          {"crl", "/data/crl/1a2b3c4d.r0", std::nullopt, list},
          {"crl", "/data/crl/1a2b3c4d.r0", std::nullopt, list},
          {"crl", "/data/none.crl", "missing", std::nullopt},
          {"crl", "/data/none.crl", "missing", std::nullopt}});
  const std::string page = Page();
  EXPECT_EQ(Families(page, "pg_tls_certificate_file_readable{"),
            "pg_tls_certificate_file_readable{server=\"db\",role=\"crl\",path=\"/data/crl/1a2b3c4d.r0\"} 1\n"
            "pg_tls_certificate_file_readable{server=\"db\",role=\"crl\",path=\"/data/none.crl\"} 0\n"
            "pg_tls_certificate_file_readable{server=\"db\",role=\"server\",path=\"/data/server.crt\"} 1\n");
  EXPECT_THAT(page, HasSubstr("source=\"served\""));
}

TEST_F(CertificatesTest, AnUnreadablePatternThatIsConfiguredTwiceIsOne) {
  Closed("closed");
  harness_.options<CertificatesOptions>().files = {data_.path() + "/closed/*.pem", data_.path() + "/closed/*.pem",
                                                   data_.path() + "/none.pem", data_.path() + "/none.pem"};
  const Unprivileged nobody;
  EXPECT_EQ(Families(Page(), "pg_tls_certificate_file_readable{server=\"db\",role=\"extra"),
            "pg_tls_certificate_file_readable{server=\"db\",role=\"extra\",path=\"/data/closed/*.pem\"} 0\n"
            "pg_tls_certificate_file_readable{server=\"db\",role=\"extra\",path=\"/data/none.pem\"} 0\n");
}

std::string Extras(const std::string& page) {
  std::string result;
  const std::string start = "pg_tls_certificate_file_readable{server=\"db\",role=\"extra\",path=\"/data/";
  for (std::size_t at = page.find(start); at != std::string::npos; at = page.find(start, at + 1)) {
    const std::size_t path = at + start.size();
    const std::size_t end = page.find('"', path);
    result += page.substr(path, end - path) + ":" + page[end + 3] + " ";
  }
  return result;
}

// `/etc/kubernetes/pki/*` matches a directory, and keys beside the certificates.
TEST_F(CertificatesTest, WhatAWildcardMatchesBesidesFilesIsIgnored) {
  const std::string pki = data_.path() + "/pki";
  for (const char* name : {"", "/etcd", "/etcd/ca.crt", "/links"}) mkdir((pki + name).c_str(), 0700);
  data_.Write("pki/ca.crt", ca_.certificate());
  data_.Write("pki/ca.key", ca_.key());
  data_.Write("pki/empty.crt", "");
  data_.Write("pki/torn.pem", leaf_.key + leaf_.certificate.substr(0, 100));
  ASSERT_EQ(mkfifo((pki + "/fifo").c_str(), 0600), 0);
  ASSERT_EQ(symlink("/dev/null", (pki + "/masked").c_str()), 0);
  ASSERT_EQ(symlink("etcd", (pki + "/linked-etcd").c_str()), 0);
  ASSERT_EQ(symlink("gone", (pki + "/dangling.crt").c_str()), 0);
  ASSERT_EQ(symlink("../ca.crt", (pki + "/links/ca.crt").c_str()), 0);
  harness_.options<CertificatesOptions>().files = {pki + "/*"};
  EXPECT_EQ(Extras(Page()), "pki/ca.crt:1 pki/dangling.crt:0 pki/empty.crt:0 pki/torn.pem:0 ");
  harness_.options<CertificatesOptions>().files = {pki + "/*/*.crt"};
  EXPECT_EQ(Extras(Page()), "pki/links/ca.crt:1 ");
  // A pattern that matches only a directory matches no file: its author expects certificates there.
  harness_.options<CertificatesOptions>().files = {pki + "/etc*"};
  EXPECT_EQ(Extras(Page()), "pki/etc*:0 ");
  // What is named must be what it was named for.
  harness_.options<CertificatesOptions>().files = {pki + "/etcd", pki + "/fifo", pki + "/ca.key",
                                                   pki + "/{masked,ca.crt}", pki + "/*"};
  EXPECT_EQ(Extras(Page()),
            "pki/ca.crt:1 pki/ca.key:0 pki/dangling.crt:0 pki/empty.crt:0 pki/etcd:0 pki/fifo:0 pki/masked:0 "
            "pki/torn.pem:0 ");
  EXPECT_EQ(Incomplete(), "");
}

}  // namespace
}  // namespace pgtls::collectors
