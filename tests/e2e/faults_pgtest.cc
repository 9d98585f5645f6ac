// Faults caused for real: after each, the page is right within the next collection, and it recovers by itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/exporter.h"
#include "tests/support/golden.h"
#include "tests/support/postgres_server.h"
#include "tests/support/raw_client.h"

namespace pgtls::e2e {
namespace {

using support::Client;
using support::RawClient;
using support::TempDir;
using testing::HasSubstr;

constexpr const char* kUp = "pg_tls_up{server=\"db\"} 1";
constexpr const char* kDown = "pg_tls_up{server=\"db\"} 0";
constexpr const char* kOthersUp = "pg_tls_up{server=\"other\"} 1";
const std::string kByNetwork =
    R"(pg_tls_unencrypted_connections_by_network{server="db",network="loopback",allowed="false"} )";

std::string FailureLine(const std::string& reason) {
  return R"(pg_tls_collector_failure_info{server="db",collector="sessions",reason=")" + reason + "\"} 1";
}

// Two servers watched by one exporter: what befalls the first must not touch the second.
class FaultsTest : public testing::Test {
 protected:
  void SetUp() override {
    for (support::PostgresServer* server : {&db_, &other_}) {
      server->RunSqlFile("deploy/sql/monitoring_role.sql");
      server->Execute("ALTER ROLE tls_exporter PASSWORD 'first'; CREATE ROLE app LOGIN");
    }
    password_file_ = files_.Write("password", "first");
    const std::string conninfo = "user=tls_exporter sslmode=disable";
    std::string text = Config({{"db", db_.Conninfo(conninfo)}});
    text += "    password_file: " + password_file_ + "\n    collectors:\n";
    // What freezes is to be found out; the other server has all the time that it needs.
    for (const char* name : {"sessions", "settings", "hba", "links", "log", "endpoint", "certificates"}) {
      text += "      " + std::string(name) + ": {timeout: 2s}\n";
    }
    text += "  - name: other\n    conninfo: \"" + other_.Conninfo(conninfo) + "\"\n";
    exporter_ =
        std::make_unique<Exporter>(std::vector<std::string>{"--config.file=" + files_.Write("config.yml", text)});
    exporter_->WaitForLine(kUp);
    exporter_->WaitForLine(kOthersUp);
  }

  // Down, for this reason, with nothing left on the page that would need SQL; the other server as it was.
  void ExpectDown(const std::string& reason) {
    const std::string page = exporter_->WaitForPage(
        [&](const std::string& text) { return HasLine(text, kDown) && HasLine(text, FailureLine(reason)); });
    EXPECT_EQ(page.find("pg_tls_connections{server=\"db\""), std::string::npos) << page;
    EXPECT_EQ(page.find("pg_tls_unencrypted_connections_by_network{server=\"db\""), std::string::npos) << page;
    EXPECT_TRUE(HasLine(page, R"(pg_tls_collector_success{server="db",collector="sessions"} 0)")) << page;
    EXPECT_TRUE(HasLine(page, kOthersUp)) << page;
    EXPECT_THAT(page, HasSubstr("pg_tls_unencrypted_connections_by_network{server=\"other\""));
  }
  void ExpectRecovered(const std::string& unencrypted) {
    const std::string page = exporter_->WaitForLine(kByNetwork + unencrypted);
    EXPECT_TRUE(HasLine(page, kUp)) << page;
    EXPECT_TRUE(HasLine(page, R"(pg_tls_collector_success{server="db",collector="sessions"} 1)")) << page;
    EXPECT_EQ(page.find("pg_tls_collector_failure_info{server=\"db\",collector=\"sessions\""), std::string::npos)
        << page;
  }

  TempDir files_;
  std::string password_file_;
  support::PostgresServer db_{
      {.hba = "local all postgres trust\nhost all tls_exporter 127.0.0.1/32 scram-sha-256\n"
              "host all all 127.0.0.0/8 trust\n",
       .settings = {"max_connections = 15", "superuser_reserved_connections = 5", "max_wal_senders = 0"}}};
  support::PostgresServer other_;
  std::unique_ptr<Exporter> exporter_;
};

TEST_F(FaultsTest, KilledAndStartedAgain) {
  const RawClient before({.port = db_.port(), .user = "app"});
  exporter_->WaitForLine(kByNetwork + "1");
  db_.Kill();
  ExpectDown("connection");
  db_.Start();
  ExpectRecovered("0");
  const RawClient after({.port = db_.port(), .user = "app"});
  exporter_->WaitForLine(R"(pg_tls_unencrypted_sessions_total{server="db",network="loopback",allowed="false"} 2)");
}

TEST_F(FaultsTest, StoppedCleanlyAndStartedAgain) {
  db_.Stop();
  ExpectDown("connection");
  db_.Start();
  ExpectRecovered("0");
}

TEST_F(FaultsTest, FrozenWhileItAnswers) {
  const RawClient client({.port = db_.port(), .user = "app"});
  exporter_->WaitForLine(kByNetwork + "1");
  db_.Pause();
  ExpectDown("timeout");
  db_.Resume();
  ExpectRecovered("1");
}

TEST_F(FaultsTest, NoConnectionLeft) {
  // Waits until the backend is gone: only then is its slot there to be taken.
  const std::string take =
      "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = 'tls_exporter'";
  std::vector<Client> clients;
  const auto fill = [&] {
    try {
      while (true) clients.emplace_back(db_.Conninfo("user=app"));
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), HasSubstr("connection"));  // in other words from version to version
    }
  };
  fill();
  // Whatever the exporter holds is taken from it, and the slot with it, until all of them are the test's own.
  const std::string all_taken =
      "SELECT count(*) FILTER (WHERE usename = 'app') = current_setting('max_connections')::integer - "
      "current_setting('superuser_reserved_connections')::integer AND count(*) FILTER (WHERE usename = 'tls_exporter') "
      "= 0 FROM pg_stat_activity";
  ASSERT_TRUE(support::WaitUntil([&] {
    db_.Execute(take);
    fill();
    return db_.Query(all_taken).at(0).at(0) == "t";
  }));
  ExpectDown("connection");
  clients.clear();
  ExpectRecovered("0");
}

TEST_F(FaultsTest, PasswordChanged) {
  db_.Execute("ALTER ROLE tls_exporter PASSWORD 'second'");
  db_.Execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'tls_exporter'");
  ExpectDown("authentication");
  // The file is read again at every connect: no restart, no reload.
  support::WriteFile(password_file_, "second");
  ExpectRecovered("0");
}

TEST_F(FaultsTest, PrivilegeTakenAway) {
  const RawClient client({.port = db_.port(), .user = "app"});
  exporter_->WaitForLine(kByNetwork + "1");
  db_.Execute("REVOKE pg_monitor FROM tls_exporter");
  const std::string page = exporter_->WaitForLine(FailureLine("insufficient_privilege"));
  EXPECT_TRUE(HasLine(page, kUp)) << page;  // it answers; it is blind
  EXPECT_EQ(support::Families(page, "pg_tls_unencrypted_connections").find("server=\"db\""), std::string::npos) << page;
  EXPECT_TRUE(exporter_->WaitForLog("GRANT pg_read_all_stats TO tls_exporter")) << exporter_->Log();
  db_.Execute("GRANT pg_monitor TO tls_exporter");
  ExpectRecovered("1");
}

TEST_F(FaultsTest, ABackendOfItsOwnIsTerminated) {
  db_.Execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'tls_exporter'");
  const RawClient client({.port = db_.port(), .user = "app"});
  ExpectRecovered("1");
}

}  // namespace
}  // namespace pgtls::e2e
