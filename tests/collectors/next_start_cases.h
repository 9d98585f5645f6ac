// "Would the server start again?", compared with what a real server does when it is started again: the cases' frame.
#pragma once

#include <gmock/gmock.h>
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

using support::Certificate;
using support::KeyType;
using support::PostgresServer;
using support::ServerTls;

inline constexpr const char* kHba = "local all all trust\n";

inline std::string Openssl(const std::string& arguments, const std::string& input = "") {
  support::ProcessOptions options;
  options.input = input;
  return support::MustRun({"sh", "-c", "openssl " + arguments + " 2>/dev/null"}, options);
}

// What a server's log says where it refuses to start for this reason.
inline bool LogTells(const std::string& log, const std::string& reason) {
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
inline const std::set<std::string> kDecidedOverSql = {
    "server.crt: DER",    "server.crt: glued", "server.crt: empty",   "server.crt: text",
    "root.crt: glued",    "root.crt: trusted", "root.crt: CRL alone", "root.crt: DER",
    "root.crl: DER",      "root.crl: cut",     "server.key: empty",   "server.key: a certificate",
    "server.crt of root", "root.crt of root",  "nothing there",       "no certificate there"};

class NextStartPgTest : public testing::Test {
 protected:
  NextStartPgTest() {
    server_.RunSqlFile("deploy/sql/monitoring_role.sql");
    sql_.options<CertificatesOptions>().read_via = ReadVia::kSql;
    configuration_ = support::ReadFile(server_.data_dir() + "/postgresql.conf");
    harness_.options<CertificatesOptions>().read_via = ReadVia::kAuto;
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

  // Every case runs on the oldest and the newest major, and on the one whose servers have this process's OpenSSL. 16
  // and 17 have the same code, and run a quarter each.
  bool IsComplete() const { return server_.major() != 16 && server_.major() != 17; }
  bool IsMine() {
    constexpr int kQuarters = 4;
    return IsComplete() || (++cases_ + server_.major()) % kQuarters == 0;
  }

  enum Undecided { kNever, kWithAnotherLibrary, kAlways };

  // Breaks something, asks, and starts the server again. The verdict must be what happens.
  void Case(const std::string& name, const std::function<void()>& change, Undecided undecided = kNever) {
    if (!IsMine()) return;
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
  int cases_ = 0;
};

}  // namespace pgtls::collectors
