// How many sessions there were, while the exporter logs in in every way that it has. The server's log is the witness.
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <sstream>

#include "tests/e2e/exporter.h"
#include "tests/support/http_client.h"
#include "tests/support/postgres_server.h"

namespace pgtls::e2e {
namespace {

using support::Client;
using support::PostgresServer;

// A login that is given up may be counted all the same: the timeouts are so long that none is, however busy the
// machine.
constexpr const char* kCollectors =
    "collectors:\n"
    "  sessions: {interval: 200ms, timeout: 60s}\n"
    "  settings: {interval: 1s, timeout: 60s}\n"
    "  hba: {interval: 500ms, timeout: 60s}\n"
    "  links: {interval: 500ms, timeout: 60s}\n"
    "  endpoint: {interval: 300ms, enforcement_interval: 300ms, timeout: 60s}\n"
    "  certificates: {interval: 300ms, timeout: 60s}\n"
    "modules:\n"
    "  all: {conninfo: 'user=tls_exporter dbname=postgres sslmode=disable', collectors: [sessions, hba, links, "
    "endpoint], allowed_targets: ['127.0.0.1:*']}\n"
    "servers:\n";

// Logins that were not the exporter's.
int Authorized(const std::string& log, const std::string& database) {
  const std::string authorized = "LOG:  connection authorized: user=";
  int logins = 0;
  for (std::size_t at = log.find(authorized); at != std::string::npos; at = log.find(authorized, at + 1)) {
    std::istringstream words(log.substr(at + authorized.size(), 100));
    std::string user;
    std::string where;
    words >> user >> where;
    if (user != "tls_exporter" && where == "database=" + database) ++logins;
  }
  return logins;
}

double Sum(const std::string& page, const std::string& metric, const std::string& labels) {
  const std::string series = "\n" + metric + "{" + labels;
  double sum = 0;
  for (std::size_t at = page.find(series); at != std::string::npos; at = page.find(series, at + 1))
    sum += std::strtod(page.c_str() + page.find("} ", at) + 2, nullptr);
  return sum;
}

class EstablishedSessions : public ::testing::Test {
 protected:
  static double Established(const std::string& page, const std::string& server, const std::string& database) {
    return Sum(page, "pg_tls_established_sessions_total", "server=\"" + server + "\",database=\"" + database + "\"");
  }
  // Whether both entries have as many as the log.
  bool IsExact(const std::string& page) const {
    const std::string log = server_.Log(start_);
    for (const char* server : {"one", "two"}) {
      for (const char* database : {"postgres", "shop"}) {
        if (Established(page, server, database) != Authorized(log, database)) return false;
      }
    }
    return true;
  }
  void Round(const Exporter& exporter, int round) {
    // Every session of the exporter is replaced.
    if (round % 3 == 0) server_.Reload();
    const std::string probe = "/probe?module=all&target=127.0.0.1:" + std::to_string(server_.port());
    const auto answer =
        support::HttpRequest(exporter.port(), probe, "GET", "X-Prometheus-Scrape-Timeout-Seconds: 120\r\n");
    EXPECT_EQ(answer.status, 200) << answer.body;
    for (const char* database : {"postgres", "shop"}) {
      Client(server_.Conninfo("user=app dbname=" + std::string(database))).Close();
      stay_.emplace_back(server_.Conninfo("user=app dbname=" + std::string(database)));
    }
  }

  PostgresServer server_{{.settings = {"log_connections = on"}}};
  std::size_t start_ = 0;
  std::vector<Client> stay_;
};

TEST_F(EstablishedSessions, AreThoseOfOthersWhateverTheExporterDoes) {
  server_.RunSqlFile("deploy/sql/monitoring_role.sql");
  server_.Execute("CREATE ROLE app LOGIN; CREATE ROLE app2 LOGIN");
  server_.Execute("CREATE DATABASE shop");
  const support::TempDir dir;
  const std::string conninfo = server_.Conninfo("user=tls_exporter sslmode=disable");
  start_ = server_.LogSize();
  const std::string one = kCollectors + ("  - name: one\n    conninfo: \"" + conninfo + "\"\n");
  Exporter exporter({"--config.file=" + dir.Write("config.yml", one)});
  exporter.WaitUntilReady();
  // While the first entry goes on logging in.
  dir.Write("config.yml", one + "  - name: two\n    conninfo: \"" + conninfo + "\"\n");
  exporter.process().Signal(SIGHUP);
  for (const std::string server : {"one", "two"}) {
    exporter.WaitForLine("pg_tls_established_sessions_total{server=\"" + server + "\",database=\"shop\"} 0");
  }
  exporter.WaitUntilReady();
  for (int round = 0; round < 9; ++round) Round(exporter, round);
  std::string page = exporter.WaitForPage([&](const std::string& now) { return IsExact(now); });
  for (const std::string server : {"one", "two"}) {
    for (const std::string database : {"postgres", "shop"}) {
      const std::string labels = "server=\"" + server + "\",database=\"" + database + "\"";
      const double sampled = Sum(page, "pg_tls_sampled_sessions_total", labels);
      EXPECT_EQ(sampled, Sum(page, "pg_tls_sessions_total", labels)) << labels;
      EXPECT_GE(sampled, 9) << labels << ": those that stay";
      EXPECT_LE(sampled, Established(page, server, database)) << labels;
    }
  }
  // It stays so while the exporter goes on logging in.
  for (int more = 0; more < 20; ++more) {
    page = exporter.Page();
    ASSERT_TRUE(IsExact(page)) << page << server_.Log(start_);
  }
  stay_.clear();
  server_.Kill();
  server_.Start();
  for (int round = 0; round < 4; ++round) Round(exporter, round);
  exporter.WaitForPage([&](const std::string& now) { return IsExact(now); });
}

TEST_F(EstablishedSessions, BeginAtZeroAgainWhereAReloadAddsTheServerAgain) {
  server_.RunSqlFile("deploy/sql/monitoring_role.sql");
  const support::TempDir dir;
  const std::string conninfo = server_.Conninfo("user=tls_exporter sslmode=disable");
  const std::string one = kCollectors + ("  - name: one\n    conninfo: \"" + conninfo + "\"\n");
  const std::string both = one + "  - name: two\n    conninfo: \"" + conninfo + "\"\n";
  const auto since = [](const std::string& page, const std::string& server) {
    return Sum(page, "pg_tls_sessions_counted_since_timestamp_seconds", "server=\"" + server + "\"");
  };
  Exporter exporter({"--config.file=" + dir.Write("config.yml", both)});
  const auto wait_for = [&](auto is_known) {
    return exporter.WaitForPage([&](const std::string& now) { return since(now, "one") > 0 && is_known(now); });
  };
  const std::string before = wait_for([&](const std::string& now) { return since(now, "two") > 0; });
  dir.Write("config.yml", one);
  exporter.process().Signal(SIGHUP);
  wait_for([&](const std::string& now) { return since(now, "two") == 0; });
  dir.Write("config.yml", both);
  exporter.process().Signal(SIGHUP);
  const std::string after = wait_for([&](const std::string& now) { return since(now, "two") > 0; });
  EXPECT_EQ(since(after, "one"), since(before, "one"));
  EXPECT_GT(since(after, "two"), since(before, "two"));
}

}  // namespace
}  // namespace pgtls::e2e
