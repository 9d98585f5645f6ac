// Servers that hang: the page is right from the first collection without an answer, and what the exporter leaves behind
// on them is bounded.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "tests/e2e/exporter.h"
#include "tests/support/postgres_server.h"

namespace pgtls::e2e {
namespace {

using support::TempDir;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kUp = "pg_tls_up{server=\"db\"} 1";
constexpr const char* kDown = "pg_tls_up{server=\"db\"} 0";

class StalledServerTest : public testing::Test {
 protected:
  void SetUp() override { server_.RunSqlFile("deploy/sql/monitoring_role.sql"); }
  void Watch(const std::string& collectors) {
    const std::string text = "collectors:\n" + collectors + "servers:\n  - name: db\n    conninfo: \"" +
                             server_.Conninfo("user=tls_exporter sslmode=disable") + "\"\n";
    exporter_.emplace(std::vector<std::string>{"--config.file=" + files_.Write("config.yml", text)});
    exporter_->WaitForLine(kUp);
  }
  std::vector<pid_t> ExportersBackends() const {
    std::vector<pid_t> pids;
    for (const pid_t pid : server_.Processes()) {
      try {
        const std::string line = support::ReadFile("/proc/" + std::to_string(pid) + "/cmdline");
        if (line.starts_with("postgres: tls_exporter")) pids.push_back(pid);
      } catch (const std::system_error&) {
        continue;  // it ended in the meantime
      }
    }
    return pids;
  }
  std::string LastSuccess() const {
    std::string page = exporter_->Page();
    const std::size_t at =
        page.find("pg_tls_collector_last_success_timestamp_seconds{server=\"db\",collector=\"sessions\"}");
    return page.substr(at, page.find('\n', at) - at);
  }

  const TempDir files_;
  support::PostgresServer server_;
  std::optional<Exporter> exporter_;
};

// The next connect would take ten minutes to fail.
TEST_F(StalledServerTest, IsDownFromTheFirstCollectionWithoutAnAnswer) {
  Watch(
      "  sessions: {interval: 1s, timeout: 2s}\n"
      "  settings: {interval: 1h, timeout: 10m}\n");
  exporter_->WaitUntilReady();
  server_.Pause();
  const std::string page = exporter_->WaitForLine(kDown);
  server_.Resume();
  for (const char* family :
       {"pg_tls_connections{", "pg_tls_unencrypted_connections_by_network{", "pg_tls_setting_info{"}) {
    EXPECT_THAT(page, Not(HasSubstr(family)));
  }
  for (const char* collector : {"sessions", "settings", "hba"}) {
    EXPECT_TRUE(HasLine(page, std::string("pg_tls_collector_failure_info{server=\"db\",collector=\"") + collector +
                                  "\",reason=\"timeout\"} 1"))
        << page;
  }
  exporter_->WaitForLine(kUp);
}

// The session ended before, and the login takes as long as the longest timeout.
TEST_F(StalledServerTest, IsDownFromTheFirstCollectionWithoutALogin) {
  Watch(
      "  sessions: {interval: 1s, timeout: 2s}\n"
      "  settings: {interval: 1h, timeout: 10m}\n");
  exporter_->WaitUntilReady();
  server_.Execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'tls_exporter'");
  server_.Pause();
  const std::string page = exporter_->WaitForLine(kDown);
  EXPECT_THAT(page, Not(HasSubstr("pg_tls_connections{")));
  server_.Resume();
  exporter_->WaitForLine(kUp);
}

// Its answer is that the statement took too long: nobody else's results suffer.
TEST_F(StalledServerTest, ASlowStatementIsNoSilence) {
  server_.Execute(
      "CREATE OR REPLACE FUNCTION tls_exporter.file_settings(OUT seqno integer, OUT sourcefile text, OUT sourceline "
      "integer, OUT name text, OUT setting text, OUT error text) RETURNS SETOF record LANGUAGE sql SECURITY DEFINER "
      "SET search_path = pg_catalog, pg_temp AS 'SELECT 1, pg_sleep(600)::text, 1, '''', '''', '''''");
  Watch(
      "  sessions: {interval: 200ms, timeout: 30s}\n"
      "  settings: {interval: 200ms, timeout: 5s}\n"
      "  hba: {timeout: 60s}\n"
      // It calls the same function, on the same connection, and would wait longer than the sessions do.
      "  certificates: {interval: 200ms, timeout: 60s}\n");
  const std::string slow = "pg_tls_collector_failure_info{server=\"db\",collector=\"settings\",reason=\"timeout\"} 1";
  bool down = false;
  const auto watch = [&](const std::string& page) {
    down = down || HasLine(page, kDown);
    return HasLine(page, slow);
  };
  exporter_->WaitForPage(watch);
  // Through one more of its runs.
  std::string before = LastSuccess();
  exporter_->WaitForPage([&](const std::string& page) { return watch(page) && LastSuccess() != before; });
  EXPECT_FALSE(down) << exporter_->Log();
  EXPECT_TRUE(HasLine(exporter_->Page(), "pg_tls_collector_success{server=\"db\",collector=\"sessions\"} 1"));
  // Not even a reconnect.
  const std::string log = exporter_->Log();
  const std::size_t first = log.find("msg=connected");
  EXPECT_EQ(log.find("msg=connected", first + 1), std::string::npos) << log;
}

// Each new backend stops after its login.
TEST_F(StalledServerTest, CostsABoundedNumberOfSlots) {
  Watch("  sessions: {interval: 300ms, timeout: 1s}\n  settings: {timeout: 1s}\n  hba: {timeout: 1s}\n");
  std::set<pid_t> stopped;
  const auto stop_new = [&] {
    for (const pid_t pid : ExportersBackends()) {
      if (stopped.insert(pid).second) kill(pid, SIGSTOP);
    }
  };
  const std::string waits = "has not ended the last 3 connections";
  ASSERT_TRUE(support::WaitUntil(
      [&] {
        stop_new();
        return exporter_->Log().find(waits) != std::string::npos;
      },
      std::chrono::seconds(60)))
      << exporter_->Log();
  EXPECT_TRUE(HasLine(exporter_->Page(), kDown));
  // It goes on asking whether they are gone, and takes no other slot.
  for (int round = 0; round < 20; ++round) {
    stop_new();
    exporter_->Page();
  }
  // Three sessions, and a probe of the wire.
  EXPECT_LE(stopped.size(), 4U);
  EXPECT_LE(ExportersBackends().size(), 4U);
  for (const pid_t pid : stopped) kill(pid, SIGCONT);
  const std::string page = exporter_->WaitForLine(kUp, std::chrono::seconds(60));
  EXPECT_THAT(page, Not(HasSubstr("user=\"tls_exporter\"")));
}

// A session that is idle between two collections is not ended for it.
TEST_F(StalledServerTest, AnIdleSessionIsKept) {
  server_.Set("idle_session_timeout = 700ms");
  server_.Reload();
  server_.Execute("ALTER ROLE tls_exporter SET idle_session_timeout = '600ms'");
  const std::size_t before = server_.LogSize();
  Watch("  sessions: {interval: 2s}\n");
  for (int collections = 0; collections < 3; ++collections) {
    const std::string last = LastSuccess();
    ASSERT_TRUE(support::WaitUntil([&] { return LastSuccess() != last; }));
  }
  EXPECT_THAT(server_.Log(before), Not(HasSubstr("FATAL")));
}

}  // namespace
}  // namespace pgtls::e2e
