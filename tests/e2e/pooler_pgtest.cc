// Through PgBouncer, in each of its modes: the exporter works, recovers, counts no session of its own, and leaves
// nothing in sessions that are others' a moment later.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/exporter.h"
#include "tests/support/golden.h"
#include "tests/support/pgbouncer.h"

namespace pgtls::e2e {
namespace {

using support::Client;
using support::PgBouncer;
using support::TempDir;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kUp = "pg_tls_up{server=\"pool\"} 1";

std::string Success(const std::string& collector, const std::string& value) {
  return "pg_tls_collector_success{server=\"pool\",collector=\"" + collector + "\"} " + value;
}

struct Pool {
  std::string mode;
  int size;
};
void PrintTo(const Pool& pool, std::ostream* out) { *out << pool.mode << " pooling, " << pool.size; }

class PoolerTest : public testing::TestWithParam<Pool> {
 protected:
  void SetUp() override {
    server_.RunSqlFile("deploy/sql/monitoring_role.sql");
    server_.Execute("CREATE ROLE app LOGIN");
    pooler_.emplace(server_, support::PgBouncerOptions{.pool_mode = GetParam().mode, .pool_size = GetParam().size});
  }
  void Watch(const std::vector<std::pair<std::string, std::string>>& more = {}, bool impatient = false) {
    std::vector<std::pair<std::string, std::string>> servers = {{"pool", pooler_->Conninfo("user=tls_exporter")}};
    servers.insert(servers.end(), more.begin(), more.end());
    exporter_.emplace(std::vector<std::string>{
        "--config.file=" + files_.Write("config.yml", impatient ? Impatient(Config(servers)) : Config(servers))});
  }
  // Everything that needs SQL has succeeded after this moment.
  std::string WaitForNewResults() {
    const auto successes = [&](const std::string& page) {
      return support::Families(page, "pg_tls_collector_last_success_timestamp_seconds{server=\"pool\"");
    };
    std::map<std::string, std::string> before;
    const auto each = [&](const std::string& page) {
      std::map<std::string, std::string> times;
      std::istringstream lines(successes(page));
      for (std::string line; std::getline(lines, line);) {
        times[line.substr(0, line.rfind(' '))] = line.substr(line.rfind(' '));
      }
      return times;
    };
    before = each(exporter_->Page());
    return exporter_->WaitForPage([&](const std::string& page) {
      const auto now = each(page);
      return HasLine(page, kUp) && now.size() == 6 && std::ranges::all_of(now, [&](const auto& entry) {
               return !before.contains(entry.first) || before.at(entry.first) != entry.second;
             });
    });
  }
  bool Moves() const { return GetParam().mode != "session"; }

  const TempDir files_;
  support::PostgresServer server_;
  std::optional<PgBouncer> pooler_;
  std::optional<Exporter> exporter_;
};

TEST_P(PoolerTest, WorksAndCountsNoSessionOfItsOwn) {
  Watch({{"direct", server_.Conninfo("user=tls_exporter sslmode=disable")}});
  const Client app(server_.Conninfo("user=app sslmode=disable"));
  WaitForNewResults();
  const std::string page = WaitForNewResults();
  for (const char* name : {"sessions", "settings", "hba"}) EXPECT_TRUE(HasLine(page, Success(name, "1"))) << page;
  EXPECT_THAT(page, HasSubstr("pg_tls_unencrypted_connections{server=\"pool\",database=\"postgres\",user=\"app\""));
  EXPECT_THAT(page, HasSubstr("pg_tls_hba_rules{server=\"pool\""));
  EXPECT_THAT(page, Not(HasSubstr("user=\"tls_exporter\""))) << page;
  EXPECT_THAT(page, Not(HasSubstr("pg_tls_served_certificate_matches_file{server=\"pool\"}")));
  EXPECT_TRUE(exporter_->WaitForLog("pooled=true")) << exporter_->Log();
}

TEST_P(PoolerTest, RecoversFromTheEndOfItsServerConnections) {
  Watch();
  WaitForNewResults();
  server_.Execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'tls_exporter'");
  WaitForNewResults();
  pooler_->Command("RECONNECT");
  WaitForNewResults();
  pooler_->Restart();
  const std::string page = WaitForNewResults();
  for (const char* name : {"sessions", "settings", "hba"}) EXPECT_TRUE(HasLine(page, Success(name, "1"))) << page;
  EXPECT_THAT(exporter_->Log(), Not(HasSubstr("prepared statement")));
}

// A server connection that saw a reload may have read an edit that is in force nowhere else: nothing is said by it.
TEST_P(PoolerTest, WhatNeedNotBeInForceIsNotSaid) {
  Watch();
  const std::string rules = "pg_tls_hba_rules{server=\"pool\"";
  EXPECT_THAT(WaitForNewResults(), HasSubstr(rules));
  server_.Reload();
  const std::string incomplete =
      "pg_tls_collector_incomplete_info{server=\"pool\",collector=\"hba\",part=\"configuration_in_force\",reason="
      "\"pooler\"} 1";
  std::string page = exporter_->WaitForLine(incomplete);
  EXPECT_THAT(page, Not(HasSubstr(rules)));
  EXPECT_TRUE(HasLine(page, kUp));
  EXPECT_TRUE(HasLine(page, Success("sessions", "1")));
  exporter_->WaitForPage(
      [](const std::string& text) { return text.find("pg_tls_setting_info{server=\"pool\"") == std::string::npos; });
  // New server connections have the configuration as the server has it.
  server_.Execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'tls_exporter'");
  page = exporter_->WaitForPage([&](const std::string& text) {
    return text.find(rules) != std::string::npos &&
           text.find("pg_tls_setting_info{server=\"pool\"") != std::string::npos;
  });
  EXPECT_FALSE(HasLine(page, incomplete));
}

// Other clients of the same user get the exporter's server connections as they were.
TEST_P(PoolerTest, LeavesNothingToOthers) {
  if (!Moves() && GetParam().size == 1) {
    // The only server connection is another's: nothing can be asked, and that is said.
    Client holder(pooler_->Conninfo("user=tls_exporter"));
    holder.Query("SELECT 1");  // it gets the server connection with its first query
    Watch({}, true);
    exporter_->WaitForLine("pg_tls_up{server=\"pool\"} 0");
    EXPECT_TRUE(exporter_->WaitForLog("or a pooler has no server connection left")) << exporter_->Log();
    return;
  }
  Watch();
  WaitForNewResults();
  const std::string sql =
      "SELECT current_setting('search_path') || ' ' || current_setting('statement_timeout') || ' ' || "
      "current_setting('lock_timeout') || ' ' || (SELECT count(*) FROM pg_catalog.pg_prepared_statements)";
  Client plain(server_.Conninfo("user=tls_exporter sslmode=disable"));
  const std::string untouched = plain.Value(sql);
  for (int round = 0; round < 20; ++round) {
    Client other(pooler_->Conninfo("user=tls_exporter"));
    EXPECT_EQ(other.Value(sql), untouched);
  }
  const std::string page = WaitForNewResults();
  EXPECT_TRUE(HasLine(page, kUp));
}

INSTANTIATE_TEST_SUITE_P(Modes, PoolerTest,
                         testing::Values(Pool{"session", 1}, Pool{"session", 5}, Pool{"transaction", 1},
                                         Pool{"transaction", 5}, Pool{"statement", 1}, Pool{"statement", 5}),
                         [](const auto& info) { return info.param.mode + std::to_string(info.param.size); });

}  // namespace
}  // namespace pgtls::e2e
