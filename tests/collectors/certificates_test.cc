#include "collectors/certificates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <sstream>

#include "exporter/base/error.h"
#include "exporter/tls/inventory.h"
#include "tests/collectors/harness.h"
#include "tests/collectors/unprivileged.h"
#include "tests/collectors/wire_peer.h"
#include "tests/support/files.h"
#include "tests/support/golden.h"
#include "tests/support/process.h"

namespace pgtls::collectors {
namespace {

using support::Families;
using testing::HasSubstr;
using testing::Not;

std::string Hex(const std::string& bytes) {
  std::string text = "\\x";
  for (const char c : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    text += kDigits[static_cast<unsigned char>(c) >> 4];
    text += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

class CertificatesTest : public testing::Test {
 protected:
  void SetUp() override {
    harness_.peer = db::Peer{IpAddress::V4(0x7F000001), peer_.port(), "localhost", "ann", "shop"};
    harness_.target.options = {{"host", "localhost"},
                               {"sslrootcert", data_.path() + "/none"},
                               {"sslcert", data_.path() + "/none"},
                               {"ssl_min_protocol_version", "TLSv1.2"}};
    data_.Write("server.crt", leaf_.chain);
    data_.Write("server.key", leaf_.key);
    Local({{"ssl_cert_file", "server.crt"}, {"ssl_key_file", "server.key"}});
  }
  // The server runs on this machine and has these settings.
  void Local(const std::vector<std::pair<std::string, std::string>>& settings) {
    harness_.config.read_via = config::ReadVia::kLocal;
    if (!std::filesystem::exists(data_.path() + "/postmaster.pid")) {
      data_.Write("postmaster.pid", "1\n" + data_.path() + "\n1000\n5432\n");
    }
    harness_.fake.answers["certificates_settings"] = {{"name", "setting", "source", "boot_val"}, {}};
    const std::pair<std::string, std::string> always[] = {{"data_directory", data_.path()},
                                                          {"port", "5432"},
                                                          {"ssl", "on"},
                                                          {"ssl_groups", "prime256v1"},
                                                          {"ssl_ciphers", "HIGH"},
                                                          {"hba_file", data_.path() + "/pg_hba.conf"},
                                                          {"ssl_min_protocol_version", "TLSv1.2"},
                                                          {"ssl_max_protocol_version", ""},
                                                          {"ssl_tls13_ciphers", ""},
                                                          {"ssl_ca_file", ""},
                                                          {"ssl_crl_file", ""},
                                                          {"ssl_crl_dir", ""},
                                                          {"ssl_dh_params_file", ""},
                                                          {"ssl_passphrase_command", ""}};
    for (const auto& [name, value] : always) AddSetting(name, value);
    for (const auto& [name, value] : settings) AddSetting(name, value);
    Access({{"sees_files", "t"}, {"sees_hba", "t"}});
    harness_.fake.answers["certificates_file_settings"] = {{"sourcefile", "name", "failed", "setting", "at_start"}, {}};
    harness_.fake.answers["certificates_hba"] = {{"rows", "refused"}, {{"1", "0"}}};
  }
  void AddSetting(const std::string& name, const std::string& value, const std::string& source = "default",
                  const std::string& boot_value = "") {
    auto& rows = harness_.fake.answers["certificates_settings"].second;
    std::erase_if(rows, [&](const auto& row) { return row.front() == name; });
    rows.push_back({name, value, source, boot_value});
  }
  // What the role may ask for.
  void Access(const std::map<std::string, std::string>& given) {
    auto& [columns, rows] = harness_.fake.answers["certificates_access"];
    columns = {"has_function", "has_whole", "has_private_key", "has_file_settings", "has_hba_rules",
               "sees_files",   "sees_hba",  "start_time",      "over_tcp"};
    rows = {{}};
    for (const std::string& column : columns) {
      const auto value = given.find(column);
      const std::string otherwise = column == "start_time" ? "1000" : "f";
      rows.front().push_back(value == given.end() ? otherwise : value->second);
    }
  }
  // All that root has put there is the server's, whose user is another.
  void Give() const {
    if (geteuid() != 0) return;
    constexpr uid_t kServerUser = 1;
    ASSERT_EQ(chown(data_.path().c_str(), kServerUser, kServerUser), 0);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(data_.path())) {
      ASSERT_EQ(lchown(entry.path().c_str(), kServerUser, kServerUser), 0);
    }
  }
  // A directory below data_ into which only its owner may look.
  void Closed(const std::string& name) {
    chmod(data_.path().c_str(), 0755);
    mkdir((data_.path() + "/" + name).c_str(), 0700);
  }
  void ViaSql(FakeSession::Rows files) {
    harness_.config.read_via = config::ReadVia::kAuto;
    Access({{"sees_files", "t"}, {"sees_hba", "t"}, {"has_function", "t"}, {"has_whole", "t"}});
    auto& [columns, rows] = harness_.fake.answers["certificates_files"];
    columns = {"role", "path", "problem", "data", "whole"};
    rows = std::move(files);
    for (auto& row : rows) row.emplace_back("t");
  }
  std::string Page() {
    Give();
    std::string page = harness_.CollectPage();
    for (std::size_t at = page.find(data_.path()); at != std::string::npos; at = page.find(data_.path())) {
      page.replace(at, data_.path().size(), "/data");
    }
    return page;
  }
  // The parts that were not seen, but for those of the next start.
  std::string Incomplete() { return Parts(false); }
  std::string UnknownOfStart() { return Parts(true); }
  std::string Parts(bool of_start) {
    Give();
    std::string text;
    for (const auto& [part, reason, detail] : harness_.Collect().incomplete) {
      if (part.starts_with("next_start") == of_start) text += part + ":" + reason + " ";
    }
    return text;
  }

  // The paths of ssl_crl_dir and of what is in it.
  std::vector<std::string> ListDirectory() {
    std::vector<std::string> paths;
    const auto inventory = harness_.Collect().facts.Get<tls::CertificateInventory>();
    for (const auto& file : inventory->files) {
      if (!file.of_list_directory) continue;
      paths.push_back(file.path.starts_with(data_.path()) ? "/data" + file.path.substr(data_.path().size())
                                                          : file.path);
    }
    return paths;
  }

  // "1", "0" or "-", and why.
  std::string Start() {
    const std::string page = Page();
    std::string text = "-";
    const std::string ok = support::Families(page, "pg_tls_next_start_ok{");
    if (!ok.empty()) text = ok.substr(ok.rfind(' ') + 1, 1);
    std::istringstream failures(support::Families(page, "pg_tls_next_start_failure_info{"));
    for (std::string line; std::getline(failures, line);) {
      for (const char* label : {"role=\"", "path=\"", "reason=\""}) {
        const std::size_t at = line.find(label) + std::string_view(label).size();
        text += " " + line.substr(at, line.find('"', at) - at);
      }
    }
    return text + " ";
  }

  support::TestCa ca_;
  support::TestCa issuing_ = ca_.Intermediate("Issuing CA");
  support::Certificate leaf_ = issuing_.IssueForLocalhost();
  support::TempDir data_;
  WirePeer peer_{leaf_};
  Harness harness_{CertificatesCollector()};
};

TEST_F(CertificatesTest, Golden) {
  Local({{"ssl_cert_file", "server.crt"},
         {"ssl_key_file", "server.key"},
         {"ssl_ca_file", data_.Write("ca.crt", ca_.certificate())},
         {"ssl_crl_file", data_.Write("ca.crl", ca_.Crl())}});
  harness_.config.files = {data_.path() + "/none.p12"};
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
  harness_.config.read_via = config::ReadVia::kAuto;
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

TEST_F(CertificatesTest, FilesThatCannotBeReadAreTold) {
  mkdir((data_.path() + "/directory").c_str(), 0700);
  Local({{"ssl_cert_file", data_.Write("empty.crt", "")},
         {"ssl_ca_file", "directory"},
         {"ssl_crl_file", data_.Write("no.crl", ca_.certificate())}});
  harness_.config.files = {data_.Write("bad.pem", leaf_.certificate + leaf_.certificate.substr(0, 100)),
                           data_.path() + "/*.der"};
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
  harness_.config.files = {data_.path() + "/*.pem", data_.path() + "/*.der"};
  EXPECT_EQ(Incomplete(), "");  // looked, and nothing is there
  harness_.config.files = {data_.path() + "/none/*.pem"};
  EXPECT_EQ(Incomplete(), "files:missing ");
  Closed("closed");
  data_.Write("closed/one.pem", leaf_.certificate);
  harness_.config.files = {data_.path() + "/closed/*.pem", data_.path() + "/o*.pem"};
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
  harness_.config.files = {data_.path() + "/closed/*.pem", data_.path() + "/closed/*.pem", data_.path() + "/none.pem",
                           data_.path() + "/none.pem"};
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
  harness_.config.files = {pki + "/*"};
  EXPECT_EQ(Extras(Page()), "pki/ca.crt:1 pki/dangling.crt:0 pki/empty.crt:0 pki/torn.pem:0 ");
  harness_.config.files = {pki + "/*/*.crt"};
  EXPECT_EQ(Extras(Page()), "pki/links/ca.crt:1 ");
  // Nothing but a directory is nothing: whoever wrote this expects certificates there.
  harness_.config.files = {pki + "/etc*"};
  EXPECT_EQ(Extras(Page()), "pki/etc*:0 ");
  // What is named must be what it was named for.
  harness_.config.files = {pki + "/etcd", pki + "/fifo", pki + "/ca.key", pki + "/{masked,ca.crt}", pki + "/*"};
  EXPECT_EQ(Extras(Page()),
            "pki/ca.crt:1 pki/ca.key:0 pki/dangling.crt:0 pki/empty.crt:0 pki/etcd:0 pki/fifo:0 pki/masked:0 "
            "pki/torn.pem:0 ");
  EXPECT_EQ(Incomplete(), "");
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
  lines = {{"postgresql.conf", "ssl_ca_file", "f", "gone.crt", "f"}};
  EXPECT_EQ(Start(), "0 ca /data/gone.crt missing ");
  AddSetting("ssl_ca_file", "", "command line");
  EXPECT_EQ(Start(), "1 ");
  AddSetting("ssl_ca_file", "gone.crt", "configuration file");
  EXPECT_EQ(Start(), "0 ca /data/gone.crt missing ");
  lines.clear();
  EXPECT_EQ(Start(), "1 ");
  lines = {{"postgresql.conf", "ssl_prefer", "t", "on", std::nullopt}};
  EXPECT_EQ(Start(), "0 setting ssl_prefer other ");
  lines = {{"postgresql.conf", "max_connections", "t", "9", "t"}};
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
  harness_.config.read_via = config::ReadVia::kAuto;
  data_.Write("postmaster.pid", "1\n" + data_.path() + "\n1000\n5433\n");
  EXPECT_EQ(Incomplete(), "files:other_file_system ");
  EXPECT_THAT(Page(), Not(HasSubstr("role=\"server\",path=\"/")));
  EXPECT_EQ(Start(), "- ");
  unlink((data_.path() + "/postmaster.pid").c_str());
  EXPECT_EQ(Incomplete(), "files:other_file_system ");
  harness_.config.read_via = config::ReadVia::kLocal;
  EXPECT_EQ(Incomplete(), "files:other_file_system ");
}

// An endpoint is looked at beside the files, and does not decide where they are.
TEST_F(CertificatesTest, AnEndpointBesideAUnixSocket) {
  harness_.server.endpoint = config::HostPort{"127.0.0.1", peer_.port()};
  harness_.peer->address.reset();
  harness_.config.read_via = config::ReadVia::kAuto;
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

TEST_F(CertificatesTest, NeitherWireNorSqlNorName) {
  harness_.session = nullptr;
  harness_.peer.reset();
  harness_.target.options["host"] = "no such host";
  EXPECT_EQ(Incomplete(), "served:connection files:connection ");
}

}  // namespace
}  // namespace pgtls::collectors
