// How many sessions there were, by a real server's statistics, and how many of them sampling saw.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "collectors/sessions.h"
#include "tests/collectors/harness.h"
#include "tests/support/golden.h"
#include "tests/support/postgres_server.h"

namespace pgtls::collectors {
namespace {

using support::Client;
using support::PostgresServer;
using testing::ElementsAre;

// Its clients come to a database of their own, where the test's own statements are not counted.
class EstablishedPgTest : public testing::Test {
 protected:
  void SetUp() override {
    server_.RunSqlFile("deploy/sql/monitoring_role.sql");
    server_.Execute("CREATE ROLE app LOGIN");
    server_.Execute("CREATE DATABASE shop");
    harness_.Connect(exporter_);
    ASSERT_EQ(Established(), 0);
    ASSERT_EQ(Sampled(), 0);
  }
  void Collect() { page_ = harness_.CollectPage(); }
  double Number(const std::string& metric, const std::string& label = "database=\"shop\"") {
    const std::string series = metric + "{server=\"db\"," + label + "} ";
    const std::size_t at = page_.find(series);
    return at == std::string::npos ? -1 : std::stod(page_.substr(at + series.size()));
  }
  // At the last collection: other servers, restarts, resets, dropped databases.
  std::vector<double> Losses() {
    std::vector<double> losses;
    for (const std::string reason : {"server_changed", "server_restarted", "statistics_reset", "database_dropped"})
      losses.push_back(Number("pg_tls_session_count_losses_total", "reason=\"" + reason + "\""));
    return losses;
  }
  int Established() {
    Collect();
    return static_cast<int>(Number("pg_tls_established_sessions_total"));
  }
  int Sampled() { return static_cast<int>(Number("pg_tls_sampled_sessions_total")); }  // at the last collection
  // Until the statistics are written and read: then it must stay so.
  bool Becomes(int established) {
    return support::WaitUntil([&] { return Established() == established; }) && Established() == established;
  }
  bool BecomeLosses(const std::vector<double>& losses) {
    return support::WaitUntil([&] { return Collect(), Losses() == losses; });
  }
  std::string App() const { return server_.Conninfo("user=app dbname=shop"); }
  void ComeAndGo(int clients) {
    for (int i = 0; i < clients; ++i) Client(App()).Close();
  }

  PostgresServer server_;
  const std::string exporter_ = server_.Conninfo("user=tls_exporter");
  Harness harness_{SessionsCollector()};
  std::string page_;
};

TEST_F(EstablishedPgTest, ShortSessionsAreCountedAndLongOnesAreSeen) {
  ComeAndGo(7);
  std::vector<Client> stay;
  for (int i = 0; i < 3; ++i) stay.emplace_back(App());
  EXPECT_TRUE(Becomes(10)) << page_;
  EXPECT_EQ(Sampled(), 3);
  ComeAndGo(2);
  EXPECT_TRUE(Becomes(12)) << page_;
  EXPECT_EQ(Sampled(), 3);
  EXPECT_THAT(Losses(), ElementsAre(0, 0, 0, 0));
  // What is no session of a client is in neither.
  const Client walsender(server_.Conninfo("user=postgres dbname=shop replication=database"));
  EXPECT_TRUE(Client::WhyNot(server_.Conninfo("user=nobody dbname=shop")));
  stay.emplace_back(App());
  EXPECT_TRUE(Becomes(13)) << page_;
  EXPECT_EQ(Sampled(), 4);
}

TEST_F(EstablishedPgTest, AResetOfTheStatisticsLosesNothingThatComesAfterIt) {
  ComeAndGo(5);
  Client admin(server_.Conninfo("dbname=shop"));
  ASSERT_TRUE(Becomes(6)) << page_;
  admin.Query("SELECT pg_stat_reset()");
  EXPECT_TRUE(BecomeLosses({0, 0, 1, 0})) << page_;
  EXPECT_TRUE(Becomes(6)) << page_;
  ComeAndGo(9);
  EXPECT_TRUE(Becomes(15)) << page_;
  EXPECT_THAT(Losses(), ElementsAre(0, 0, 1, 0));
}

// PostgreSQL shows it as the time of a reset of all. They cannot be told apart if there were more sessions since than
// before, so that is a loss, too.
TEST_F(EstablishedPgTest, AResetOfOneTablesStatisticsKeepsTheSessions) {
  ComeAndGo(4);
  Client admin(server_.Conninfo("dbname=shop"));
  ASSERT_TRUE(Becomes(5)) << page_;
  admin.Query("SELECT pg_stat_reset_single_table_counters('pg_class'::regclass)");
  ComeAndGo(2);
  EXPECT_TRUE(BecomeLosses({0, 0, 1, 0})) << page_;
  EXPECT_TRUE(Becomes(7)) << page_;
}

TEST_F(EstablishedPgTest, ACrashLosesNothingThatComesAfterIt) {
  ComeAndGo(5);
  ASSERT_TRUE(Becomes(5)) << page_;
  server_.Kill();
  server_.Start();
  ComeAndGo(8);
  harness_.Connect(exporter_);
  EXPECT_TRUE(Becomes(13)) << page_;
  ComeAndGo(1);
  EXPECT_TRUE(Becomes(14)) << page_;
  EXPECT_THAT(Losses(), ElementsAre(0, 1, 0, 0));
}

TEST_F(EstablishedPgTest, ARestartLosesNothing) {
  ComeAndGo(5);
  ASSERT_TRUE(Becomes(5)) << page_;
  ComeAndGo(1);
  server_.Restart();
  ComeAndGo(2);
  harness_.Connect(exporter_);
  EXPECT_TRUE(Becomes(8)) << page_;
  EXPECT_THAT(Losses(), ElementsAre(0, 0, 0, 0));
}

TEST_F(EstablishedPgTest, AnotherServerBeginsWithItsOwnNumbers) {
  ComeAndGo(2);
  ASSERT_TRUE(Becomes(2)) << page_;
  PostgresServer other;
  other.Kill();  // all servers of the tests are copies of one, which a crash ends: its statistics begin again
  other.Start();
  other.RunSqlFile("deploy/sql/monitoring_role.sql");
  other.Execute("CREATE DATABASE shop");
  for (int i = 0; i < 9; ++i) Client(other.Conninfo("dbname=shop")).Close();
  other.Restart();  // it starts after the last collection, and has the statistics of before
  harness_.Connect(other.Conninfo("user=tls_exporter"));
  Collect();
  EXPECT_THAT(Losses(), ElementsAre(0, 1, 0, 0)) << "as if it had lost its statistics in a restart";
  harness_.Connect(exporter_);
  ComeAndGo(1);
  EXPECT_TRUE(Becomes(3)) << page_;
  EXPECT_THAT(Losses(), ElementsAre(1, 1, 0, 0));
  harness_.Connect(other.Conninfo("user=tls_exporter"));
  Client(other.Conninfo("dbname=shop")).Close();
  EXPECT_TRUE(Becomes(4)) << page_;
  EXPECT_THAT(Losses(), ElementsAre(2, 1, 0, 0));
}

TEST_F(EstablishedPgTest, ADatabaseThatIsDroppedAndCreatedAgainGoesOn) {
  ComeAndGo(4);
  ASSERT_TRUE(Becomes(4)) << page_;
  server_.Execute("DROP DATABASE shop");
  Collect();
  EXPECT_THAT(Losses(), ElementsAre(0, 0, 0, 1));
  server_.Execute("CREATE DATABASE shop");
  ComeAndGo(2);
  EXPECT_TRUE(Becomes(6)) << page_;
  EXPECT_THAT(Losses(), ElementsAre(0, 0, 0, 1));
}

}  // namespace
}  // namespace pgtls::collectors
