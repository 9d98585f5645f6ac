// "Would the server start again?", compared with what a real server does when it is started again.
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <set>

#include "collectors/certificates.h"
#include "exporter/db/target.h"
#include "exporter/tls/inventory.h"
#include "tests/collectors/harness.h"
#include "tests/support/postgres_server.h"

namespace pgtls::collectors {
namespace {

using support::Certificate;
using support::KeyType;
using support::PostgresServer;
using support::ServerTls;

constexpr const char* kHba = "local all all trust\n";

std::string Openssl(const std::string& arguments, const std::string& input = "") {
  support::ProcessOptions options;
  options.input = input;
  return support::MustRun({"sh", "-c", "openssl " + arguments + " 2>/dev/null"}, options);
}

// What a server's log says where it refuses to start for this reason.
bool LogTells(const std::string& log, const std::string& reason) {
  static const std::map<std::string, std::vector<std::string>> kWords = {
      {"missing", {"No such file", "Not a directory"}},
      {"permission_denied", {"Permission denied"}},
      {"mode", {"group or world access"}},
      {"owner", {"must be owned by the database user or root"}},
      {"key_mismatch", {"mismatch", "check of private key failed"}},
      {"key_too_small", {"too small"}},
      {"malformed", {"could not load", "could not be loaded"}},
      {"no_certificate", {"could not load"}},
      {"other", {"FATAL"}},
  };
  return std::ranges::any_of(kWords.at(reason),
                             [&](const std::string& words) { return log.find(words) != std::string::npos; });
}

// Failures that the bytes of the role's functions show.
const std::set<std::string> kDecidedOverSql = {
    "server.crt: DER",    "server.crt: glued", "server.crt: empty",   "server.crt: text",
    "root.crt: glued",    "root.crt: trusted", "root.crt: CRL alone", "root.crt: DER",
    "root.crl: DER",      "root.crl: cut",     "server.key: empty",   "server.key: a certificate",
    "server.crt of root", "root.crt of root",  "nothing there",       "no certificate there"};

class NextStartPgTest : public testing::Test {
 protected:
  NextStartPgTest() {
    server_.RunSqlFile("deploy/sql/monitoring_role.sql");
    sql_.config.read_via = config::ReadVia::kSql;
    configuration_ = support::ReadFile(server_.data_dir() + "/postgresql.conf");
    harness_.config.read_via = config::ReadVia::kAuto;
    Connect();
  }

  void Connect() {
    harness_.Connect(server_.SocketConninfo());
    harness_.peer = db::Peer{std::nullopt, server_.port(), server_.socket_dir(), "postgres", "postgres"};
    harness_.peer->listener_pid = static_cast<int>(server_.postmaster());
    sql_.Connect(server_.SocketConninfo("user=tls_exporter"));
    sql_.peer = harness_.peer;
  }

  tls::CertificateInventory Look() {
    const sampling::Output output = harness_.Collect();
    incomplete_.clear();
    for (const auto& [part, reason, detail] : output.incomplete) incomplete_ += part + ":" + reason + " ";
    return *output.facts.Get<tls::CertificateInventory>();
  }

  // Everything as it was when the server last started well.
  void Repair() {
    for (const char* name : {"server.crt", "server.key", "root.crt", "root.crl", "pg_hba.conf", "dh.pem"}) {
      std::filesystem::remove_all(Path(name));
    }
    std::filesystem::remove_all(server_.socket_dir() + "/way");
    server_.WriteDataFile("postgresql.conf", configuration_);
    server_.WriteDataFile("postgresql.auto.conf", "");
    server_.SetHba(kHba);
    server_.WriteDataFile("server.crt", good_.chain);
    server_.WriteDataFile("server.key", good_.key);
    server_.WriteDataFile("root.crt", ca_.certificate());
    server_.WriteDataFile("root.crl", ca_.Crl());
  }

  bool StartsAgain() {
    server_.Stop();
    try {
      server_.Start();
    } catch (const std::runtime_error&) {
      return false;
    }
    return true;
  }

  enum Undecided { kNever, kWithAnotherLibrary, kAlways };

  // Breaks something, asks, and starts the server again. The verdict must be what happens.
  void Case(const std::string& name, const std::function<void()>& change, Undecided undecided = kNever) {
    SCOPED_TRACE(name);
    change();
    const tls::CertificateInventory seen = Look();
    ASSERT_TRUE(seen.next_start);
    std::string failures;
    for (const auto& [role, path, reason] : seen.next_start->failures) failures += role + ":" + reason + " ";
    // What the role's functions show of it may leave it undecided, and is never wrong.
    const sampling::Output over_sql = sql_.Collect();
    const auto sql_seen = over_sql.facts.Get<tls::CertificateInventory>();
    ASSERT_TRUE(sql_seen->next_start);
    const tls::NextStart& sql = *sql_seen->next_start;
    std::string sql_failures;
    for (const auto& [role, path, reason] : sql.failures) sql_failures += role + ":" + reason + " ";
    const std::size_t before = server_.LogSize();
    const bool started = StartsAgain();
    const std::string log = server_.Log(before);
    if (sql.ok()) {
      EXPECT_EQ(*sql.ok(), started) << "over SQL: " << sql_failures;
    }
    EXPECT_TRUE(!kDecidedOverSql.contains(name) || sql.ok() == false);
    const auto ok = seen.next_start->ok();
    const bool same_library = server_.major() == 15;
    if (ok) {
      ++decided_;
      EXPECT_EQ(*ok, started) << failures << incomplete_ << log;
      if (!*ok) {
        EXPECT_TRUE(std::ranges::any_of(seen.next_start->failures,
                                        [&](const auto& failure) { return LogTells(log, failure.reason); }))
            << failures << log;
      }
    } else {
      EXPECT_TRUE(undecided == kAlways || (undecided == kWithAnotherLibrary && !same_library)) << incomplete_;
      EXPECT_NE(incomplete_, "");
    }
    if (getenv("PGTLS_SHOW_MATRIX") != nullptr) {
      printf("%-40s verdict=%s sql=%s real=%d %s %s\n", name.c_str(), !ok ? "-" : (*ok ? "1" : "0"),
             !sql.ok() ? "-" : (*sql.ok() ? "1" : "0"), started, failures.c_str(), incomplete_.c_str());
    }
    Repair();
    if (!started) server_.Start();
    Connect();
  }

  std::string Path(const std::string& name) const { return server_.data_dir() + "/" + name; }
  void Own(const std::string& path, uid_t user, gid_t group, mode_t mode) {
    ASSERT_EQ(chown(path.c_str(), user, group), 0);
    ASSERT_EQ(chmod(path.c_str(), mode), 0);
  }
  void Write(const std::string& name, const std::string& text) { server_.WriteDataFile(name, text); }
  void Set(const std::string& line) { server_.Set(line); }

  support::TestCa ca_;
  support::TestCa issuing_ = ca_.Intermediate("Issuing CA");
  Certificate good_ = issuing_.IssueForLocalhost();
  PostgresServer server_{{.hba = kHba, .tls = ServerTls{good_, ca_.certificate(), ca_.Crl()}}};
  Harness harness_{CertificatesCollector()};
  Harness sql_{CertificatesCollector()};
  std::string configuration_;
  std::string incomplete_;
  uid_t postgres_ = getpwnam("postgres")->pw_uid;
  gid_t postgres_group_ = getpwnam("postgres")->pw_gid;
  int decided_ = 0;
};

TEST_F(NextStartPgTest, KeyOwnersAndModes) {
  const std::string key = Path("server.key");
  const std::pair<uid_t, gid_t> owners[] = {
      {postgres_, postgres_group_}, {0, 0}, {0, postgres_group_}, {1, postgres_group_}};
  for (const auto& [user, group] : owners) {
    for (const mode_t mode : {0600u, 0640u, 0660u, 0400u, 0440u, 0604u, 0200u, 0000u, 0700u}) {
      Case("key of " + std::to_string(user) + ":" + std::to_string(group) + " mode " + std::to_string(mode),
           [&] { Own(key, user, group, mode); });
    }
  }
  EXPECT_EQ(decided_, 36);
}

TEST_F(NextStartPgTest, DirectoriesGroupsAndLinksOnTheWay) {
  const std::string way = server_.socket_dir() + "/way";
  const auto key_below = [&](uid_t user, gid_t group, mode_t mode) {
    std::filesystem::create_directories(way + "/private");
    support::WriteFile(way + "/private/server.key", good_.key, 0640);
    Own(way + "/private/server.key", 0, postgres_group_, 0640);
    Own(way + "/private", user, group, mode);
    Own(way, 0, 0, 0755);
    Set("ssl_key_file = '" + way + "/private/server.key'");
  };
  Case("root's closed directory", [&] { key_below(0, 0, 0700); });
  Case("root's directory, searchable", [&] { key_below(0, 0, 0711); });
  Case("a directory of the server's group", [&] { key_below(0, postgres_group_, 0710); });
  Case("a group without search", [&] { key_below(0, postgres_group_, 0740); });
  Case("others may, the server's group may not", [&] { key_below(0, postgres_group_, 0705); });
  Case("its own directory, closed to itself", [&] { key_below(postgres_, postgres_group_, 0077); });
  // As Debian's /etc/ssl/private: a group that the server is in by the user database.
  gid_t other_group = 0;
  int count = 64;
  std::vector<gid_t> groups(64);
  getgrouplist("postgres", postgres_group_, groups.data(), &count);
  for (int i = 0; i < count; ++i) {
    if (groups[static_cast<std::size_t>(i)] != postgres_group_) other_group = groups[static_cast<std::size_t>(i)];
  }
  ASSERT_NE(other_group, 0u) << "postgres is in no second group (ssl-cert)";
  Case("a directory of a second group", [&] { key_below(0, other_group, 0710); });
  Case("a key of a second group", [&] {
    key_below(0, other_group, 0710);
    Own(way + "/private/server.key", 0, other_group, 0640);
  });
  Case("a link to a closed directory", [&] {
    key_below(0, 0, 0700);
    Set("ssl_key_file = 'server.key'");
    std::filesystem::remove(Path("server.key"));
    std::filesystem::create_symlink(way + "/private/server.key", Path("server.key"));
  });
  Case("a relative link to a good key", [&] {
    std::filesystem::rename(Path("server.key"), Path("real.key"));
    std::filesystem::create_symlink("../data/./real.key", Path("server.key"));
  });
  Case("a dangling link", [&] {
    std::filesystem::remove(Path("server.key"));
    std::filesystem::create_symlink("nowhere", Path("server.key"));
  });
  Case("a loop of links", [&] {
    std::filesystem::remove(Path("server.crt"));
    std::filesystem::create_symlink("server.crt", Path("server.crt"));
  });
  Case("somebody's link in a shared directory", [&] {
    std::filesystem::create_directories(way);
    Own(way, 0, 0, 01777);
    std::filesystem::create_symlink(Path("server.key"), way + "/link.key");
    ASSERT_EQ(lchown((way + "/link.key").c_str(), 1, 1), 0);
    Set("ssl_key_file = '" + way + "/link.key'");
  });
  for (const char* file : {"server.crt", "root.crt", "root.crl"}) {
    Case(std::string(file) + " of root", [&] { Own(Path(file), 0, 0, 0600); });
    Case(std::string(file) + " of root, readable", [&] { Own(Path(file), 0, 0, 0644); });
  }
  Case("a file as a directory", [&] { Set("ssl_ca_file = 'root.crt/ca.crt'"); });
  Case("nothing there", [&] { std::filesystem::remove(Path("server.key")); });
  Case("no certificate there", [&] { std::filesystem::remove(Path("server.crt")); });
  Case("a directory", [&] {
    std::filesystem::remove(Path("server.crt"));
    std::filesystem::create_directory(Path("server.crt"));
    Own(Path("server.crt"), postgres_, postgres_group_, 0755);
  });
  Case("a directory as key", [&] {
    std::filesystem::remove(Path("server.key"));
    std::filesystem::create_directory(Path("server.key"));
    Own(Path("server.key"), postgres_, postgres_group_, 0700);
  });
  Case("a FIFO as key", [&] {
    std::filesystem::remove(Path("server.key"));
    ASSERT_EQ(mkfifo(Path("server.key").c_str(), 0600), 0);
    Own(Path("server.key"), postgres_, postgres_group_, 0600);
  });
  Case("/dev/null as certificate", [&] { Set("ssl_cert_file = '/dev/null'"); });
  Case("/dev/null as CRL", [&] { Set("ssl_crl_file = '/dev/null'"); });
}

TEST_F(NextStartPgTest, Contents) {
  const auto pair = [&](const Certificate& certificate) {
    Write("server.crt", certificate.chain);
    Write("server.key", certificate.key);
  };
  const std::string glued = ca_.certificate().substr(0, ca_.certificate().size() - 1) + issuing_.certificate();
  ASSERT_NE(glued.find("-----END CERTIFICATE----------BEGIN CERTIFICATE-----"), std::string::npos);
  const std::string broken = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
  const std::string cut = good_.certificate.substr(0, good_.certificate.size() / 2);
  const std::string trusted = Openssl("x509 -trustout", ca_.certificate());
  ASSERT_NE(trusted.find("TRUSTED"), std::string::npos);

  Case("nothing changed", [] {});
  Case("server.crt: DER", [&] { Write("server.crt", Openssl("x509 -outform DER", good_.certificate)); });
  Case("server.crt: trusted", [&] { Write("server.crt", Openssl("x509 -trustout", good_.certificate)); });
  Case("server.crt: glued", [&] {
    Write("server.crt", good_.certificate.substr(0, good_.certificate.size() - 1) + issuing_.certificate());
  });
  Case("server.crt: no final newline", [&] { Write("server.crt", good_.chain.substr(0, good_.chain.size() - 1)); });
  Case("server.crt: second block cut", [&] { Write("server.crt", good_.certificate + cut); });
  Case("server.crt: second block broken", [&] { Write("server.crt", good_.certificate + broken); });
  Case("server.crt: second one trusted", [&] { Write("server.crt", good_.certificate + trusted); });
  Case("server.crt: text around",
       [&] { Write("server.crt", "text\n" + good_.certificate + "more\n" + issuing_.certificate()); });
  Case("server.crt: CRLF", [&] {
    std::string text;
    for (const char c : good_.chain) text += c == '\n' ? std::string("\r\n") : std::string(1, c);
    Write("server.crt", text);
  });
  Case("server.crt: BOM", [&] { Write("server.crt", "\xef\xbb\xbf" + good_.chain); }, kWithAnotherLibrary);
  Case("server.crt: indented", [&] { Write("server.crt", "  " + good_.chain); });
  Case("server.crt: empty", [&] { Write("server.crt", ""); });
  Case("server.crt: text", [&] { Write("server.crt", "nothing\n"); });
  Case("server.crt: key first", [&] { Write("server.crt", good_.key + good_.chain); });
  Case("server.crt: CRL first", [&] { Write("server.crt", ca_.Crl() + good_.chain); });
  Case("server.crt: chain in the wrong order",
       [&] { Write("server.crt", issuing_.certificate() + good_.certificate); });
  Case("server.crt: expired",
       [&] { pair(ca_.Issue({.not_before = -std::chrono::days(9), .not_after = -std::chrono::days(2)})); });

  Case("RSA 1024", [&] { pair(ca_.Issue({.key = KeyType::kRsa1024})); }, kWithAnotherLibrary);
  Case(
      "RSA 512",
      [&] {
        Write("server.key", Openssl("genrsa 512"));
        Write("server.crt", Openssl("req -x509 -key " + Path("server.key") + " -subj /CN=localhost -sha256"));
      },
      kWithAnotherLibrary);
  Case(
      "RSA 1024 in the chain",
      [&] {
        const support::TestCa weak("Weak CA", {.key = KeyType::kRsa1024, .ca = true});
        const Certificate leaf = weak.IssueForLocalhost();
        Write("server.crt", leaf.certificate + weak.certificate());
        Write("server.key", leaf.key);
      },
      kWithAnotherLibrary);
  Case(
      "signed with SHA-1", [&] { pair(ca_.Issue({.key = KeyType::kRsa2048, .digest = "SHA1"})); }, kWithAnotherLibrary);
  Case("RSA 2048", [&] { pair(ca_.Issue({.key = KeyType::kRsa2048})); });
  Case("Ed25519", [&] { pair(ca_.Issue({.key = KeyType::kEd25519})); });
  Case("P-521", [&] {
    Write("server.key", Openssl("ecparam -genkey -name secp521r1"));  // with EC PARAMETERS first
    Write("server.crt", Openssl("req -x509 -key " + Path("server.key") + " -subj /CN=localhost"));
  });
  Case("RSA-PSS", [&] {
    Write("server.key", Openssl("genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048"));
    Write("server.crt", Openssl("req -x509 -key " + Path("server.key") + " -subj /CN=localhost"));
  });
  Case("DSA", [&] {
    Write("dh.pem", Openssl("dsaparam 2048"));
    Write("server.key", Openssl("gendsa " + Path("dh.pem")));
    Write("server.crt", Openssl("req -x509 -key " + Path("server.key") + " -subj /CN=localhost"));
  });
  const std::string rsa = ca_.Issue({.key = KeyType::kRsa2048}).key;
  Case("server.key: another one", [&] { Write("server.key", issuing_.key()); });
  Case("server.key: of another kind", [&] { Write("server.key", rsa); });
  Case("server.key: empty", [&] { Write("server.key", ""); });
  Case("server.key: a certificate", [&] { Write("server.key", good_.certificate); });
  Case("server.key: traditional", [&] { Write("server.key", Openssl("pkey -traditional", good_.key)); });
  Case("server.key: DER", [&] { Write("server.key", Openssl("pkey -outform DER", good_.key)); });
  Case("server.key: certificate first", [&] { Write("server.key", good_.chain + good_.key); });
  Case("server.key: cut", [&] { Write("server.key", good_.key.substr(0, good_.key.size() / 2)); });
  Case("server.key: no final newline", [&] { Write("server.key", good_.key.substr(0, good_.key.size() - 1)); });
  Case("server.key: public", [&] { Write("server.key", Openssl("pkey -pubout", good_.key)); });
  Case("server.key: encrypted", [&] { Write("server.key", Openssl("pkey -aes256 -passout pass:x", good_.key)); });
  Case("server.key: encrypted, traditional",
       [&] { Write("server.key", Openssl("ec -aes128 -passout pass:x", good_.key)); });
  Case(
      "server.key: encrypted, with a command",
      [&] {
        Write("server.key", Openssl("pkey -aes256 -passout pass:x", good_.key));
        Set("ssl_passphrase_command = 'echo x'");
      },
      kAlways);
  Case(
      "server.key: encrypted, with a wrong command",
      [&] {
        Write("server.key", Openssl("pkey -aes256 -passout pass:x", good_.key));
        Set("ssl_passphrase_command = 'echo y'");
      },
      kAlways);
  Case("key and certificate in one file", [&] {
    Write("server.key", good_.key + good_.chain);
    Set("ssl_cert_file = 'server.key'");
  });

  Case("root.crt: glued", [&] { Write("root.crt", glued); });
  Case("root.crt: trusted", [&] { Write("root.crt", trusted); });
  Case("root.crt: one trusted among others", [&] { Write("root.crt", ca_.certificate() + trusted); });
  Case("root.crt: CRL alone", [&] { Write("root.crt", ca_.Crl()); });
  Case("root.crt: CRL beside", [&] { Write("root.crt", ca_.certificate() + ca_.Crl()); });
  Case("root.crt: DER", [&] { Write("root.crt", Openssl("x509 -outform DER", ca_.certificate())); });
  Case("root.crt: empty", [&] { Write("root.crt", ""); });
  Case("root.crt: second block cut", [&] { Write("root.crt", ca_.certificate() + cut); });
  Case("root.crt: second block broken", [&] { Write("root.crt", ca_.certificate() + broken); });
  Case("root.crt: a key beside", [&] { Write("root.crt", ca_.certificate() + good_.key); });
  Case("root.crt: an RSA key beside", [&] { Write("root.crt", ca_.certificate() + Openssl("rsa -traditional", rsa)); });
  Case("root.crt: twice the same", [&] { Write("root.crt", ca_.certificate() + ca_.certificate()); });
  Case("root.crt: weak",
       [&] { Write("root.crt", support::TestCa("Weak", {.key = KeyType::kRsa1024, .ca = true}).certificate()); });
  Case("root.crt: public key", [&] { Write("root.crt", Openssl("pkey -pubout", good_.key)); });

  Case("root.crl: missing", [&] { std::filesystem::remove(Path("root.crl")); });
  Case("root.crl: expired", [&] { Write("root.crl", ca_.Crl({}, -std::chrono::days(1))); });
  Case("root.crl: empty", [&] { Write("root.crl", ""); });
  Case("root.crl: a certificate", [&] { Write("root.crl", ca_.certificate()); });
  Case("root.crl: DER", [&] { Write("root.crl", Openssl("crl -outform DER", ca_.Crl())); });
  Case("root.crl: glued", [&] { Write("root.crl", ca_.Crl().substr(0, ca_.Crl().size() - 1) + issuing_.Crl()); });
  Case("root.crl: cut", [&] { Write("root.crl", ca_.Crl() + ca_.Crl().substr(0, 200)); });
}

TEST_F(NextStartPgTest, Settings) {
  Case("ssl = off without files", [&] {
    Set("ssl = off");
    std::filesystem::remove(Path("server.crt"));
    std::filesystem::remove(Path("server.key"));
  });
  Case("ssl switched off by a prefix", [&] {
    Set("SSL = of");
    std::filesystem::remove(Path("server.key"));
  });
  Case("min above max", [&] { Set("ssl_max_protocol_version = 'tlsv1.1'"); });
  Case("min = max", [&] { Set("ssl_max_protocol_version = 'TLSv1.2'"); });
  Case("TLS 1.0 alone", [&] {
    Set("ssl_min_protocol_version = 'TLSv1'");
    Set("ssl_max_protocol_version = 'TLSv1'");
  });
  Case("no such version", [&] { Set("ssl_min_protocol_version = 'TLSv9'"); });
  Case("no such curve", [&] { Set("ssl_ecdh_curve = 'nosuch'"); });
  Case("a NIST name", [&] { Set("ssl_ecdh_curve = 'P-256'"); });
  Case("an SECG name", [&] { Set("ssl_ecdh_curve = 'secp256r1'"); }, kWithAnotherLibrary);
  Case("X25519", [&] { Set("ssl_ecdh_curve = 'X25519'"); });
  Case("a list", [&] { Set("ssl_ecdh_curve = 'X25519:prime256v1'"); });
  Case("a list with a stranger", [&] { Set("ssl_ecdh_curve = 'X25519:nosuch'"); });
  Case("no curve", [&] { Set("ssl_ecdh_curve = ''"); });
  Case("post-quantum", [&] { Set("ssl_ecdh_curve = 'X25519MLKEM768'"); }, kWithAnotherLibrary);
  Case("no such cipher", [&] { Set("ssl_ciphers = 'nosuch'"); }, kWithAnotherLibrary);
  Case("one cipher", [&] { Set("ssl_ciphers = 'ECDHE-ECDSA-AES128-GCM-SHA256'"); });
  Case("a TLS 1.3 name", [&] { Set("ssl_ciphers = 'TLS_AES_128_GCM_SHA256'"); }, kWithAnotherLibrary);
  Case("ciphers with a level", [&] { Set("ssl_ciphers = 'HIGH:@SECLEVEL=0'"); });
  Case("a level that is none", [&] { Set("ssl_ciphers = 'HIGH:@SECLEVEL=9'"); }, kWithAnotherLibrary);
  Case("all ciphers taken out", [&] { Set("ssl_ciphers = 'HIGH:!ALL'"); }, kWithAnotherLibrary);
  Case("no ciphers", [&] { Set("ssl_ciphers = ''"); }, kWithAnotherLibrary);
  Case("DH file missing", [&] { Set("ssl_dh_params_file = 'dh.pem'"); });
  Case("DH file bad", [&] {
    Set("ssl_dh_params_file = 'dh.pem'");
    Write("dh.pem", "nothing");
  });
  Case(
      "DH 512",
      [&] {
        Set("ssl_dh_params_file = 'dh.pem'");
        Write("dh.pem", Openssl("dhparam -dsaparam 512"));
      },
      kWithAnotherLibrary);
  Case("DH 2048", [&] {
    Set("ssl_dh_params_file = 'dh.pem'");
    Write("dh.pem", Openssl("genpkey -genparam -algorithm DH -pkeyopt group:ffdhe2048"));
  });
  Case("DH 2048, standard", [&] {
    Set("ssl_dh_params_file = 'dh.pem'");
    Write("dh.pem", Openssl("genpkey -genparam -algorithm DH -pkeyopt dh_rfc5114:2"));
  });
  Case("DH file of root", [&] {
    Set("ssl_dh_params_file = 'dh.pem'");
    Write("dh.pem", Openssl("genpkey -genparam -algorithm DH -pkeyopt group:ffdhe2048"));
    Own(Path("dh.pem"), 0, 0, 0600);
  });
  Case("CRL directory missing", [&] {
    Set("ssl_crl_file = ''");
    Set("ssl_crl_dir = 'nowhere'");
  });
  Case("CRL directory missing beside a file", [&] { Set("ssl_crl_dir = 'nowhere'"); });
  Case("no CA, no CRL", [&] {
    Set("ssl_ca_file = ''");
    Set("ssl_crl_file = ''");
  });
  Case("no certificate named", [&] { Set("ssl_cert_file = ''"); });
  Case("no key named", [&] { Set("ssl_key_file = ''"); });
  Case("the last line counts", [&] {
    Set("ssl_key_file = 'gone.key'");
    Set("ssl_key_file = 'server.key'");
  });
  Case("ALTER SYSTEM", [&] { server_.Execute("ALTER SYSTEM SET ssl_ca_file = 'gone.crt'"); });
  Case("a line gone: the default comes back", [&] {
    Write("postgresql.conf", configuration_);
    Set("ssl_crl_file = 'gone.crl'");
    Set("ssl_crl_file = ''");
  });
  Case("a line that is none", [&] { Set("nonsense"); });
  Case("a setting that is none", [&] { Set("ssl_no_such = on"); });
  Case("a change that waits for the restart", [&] { Set("max_connections = 90"); });
  Case("an include that is missing", [&] { Set("include 'gone.conf'"); });
  if (server_.major() >= 18) {
    Case("ssl_groups", [&] { Set("ssl_groups = 'nosuch'"); });
    Case("TLS 1.3: none", [&] { Set("ssl_tls13_ciphers = 'nosuch'"); });
    Case("TLS 1.3: one", [&] { Set("ssl_tls13_ciphers = 'TLS_AES_128_GCM_SHA256'"); });
    Case(
        "TLS 1.3: one and none", [&] { Set("ssl_tls13_ciphers = 'TLS_AES_128_GCM_SHA256:nosuch'"); },
        kWithAnotherLibrary);
  }
}

// Somebody else's data directory at the server's path, as a sidecar sees it that shares the socket alone.
TEST_F(NextStartPgTest, AnotherFileSystemIsNotJudged) {
  const auto seen = [&] {
    const sampling::Output output = harness_.Collect();
    std::string text = output.facts.Get<tls::CertificateInventory>()->key ? "key " : "";
    for (const auto& file : output.facts.Get<tls::CertificateInventory>()->files) text += file.role + " ";
    for (const auto& [part, reason, detail] : output.incomplete) {
      if (part == "files") text += part + ":" + reason + " ";
    }
    return text;
  };
  EXPECT_EQ(seen(), "key server ca crl ");
  harness_.config.read_via = config::ReadVia::kLocal;
  const std::string aside = server_.data_dir() + ".aside";
  std::filesystem::rename(server_.data_dir(), aside);
  std::filesystem::create_directory(server_.data_dir());
  EXPECT_EQ(seen(), "files:other_file_system ");
  std::filesystem::remove(server_.data_dir());
  std::filesystem::rename(aside, server_.data_dir());
  EXPECT_EQ(seen(), "key server ca crl ");
}

TEST_F(NextStartPgTest, HostBasedAuthentication) {
  const auto hba = [&](const std::string& text) { return [this, text] { server_.SetHba(text); }; };
  Case("empty", hba(""));
  Case("comments", hba("# nothing\n\n"));
  Case("one bad line", hba(std::string(kHba) + "host all all nonsense\n"));
  Case("hostssl without TLS", [&] {
    Set("ssl = off");
    server_.SetHba(std::string(kHba) + "hostssl all all all trust\n");
  });
  Case("no hba file", [&] { std::filesystem::remove(Path("pg_hba.conf")); });
  Case("hba file of root", [&] { Own(Path("pg_hba.conf"), 0, 0, 0600); });
  Case("ssl = off with a bad line", [&] {
    Set("ssl = off");
    server_.SetHba(std::string(kHba) + "host all all nonsense\n");
  });
  if (server_.major() >= 16) {
    Case("an empty include_dir alone", [&] {
      std::filesystem::create_directories(Path("hba.d"));
      Own(Path("hba.d"), postgres_, postgres_group_, 0700);
      server_.SetHba("include_dir hba.d\n");
    });
    Case("an include that is missing", hba(std::string(kHba) + "include gone.conf\n"));
    Case("an include that may be missing", hba(std::string(kHba) + "include_if_exists gone.conf\n"));
  }
}

}  // namespace
}  // namespace pgtls::collectors
