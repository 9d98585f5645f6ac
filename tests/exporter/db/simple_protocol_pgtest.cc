// Simple queries: against PostgreSQL, and against PgBouncer's console, which knows nothing else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/db/connector.h"
#include "tests/exporter/db/loop.h"
#include "tests/support/pgbouncer.h"
#include "tests/support/postgres_server.h"

namespace pgtls::db {
namespace {

using std::chrono::seconds;
using support::PostgresServer;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::RunOnLoop;

class SimpleProtocolPgTest : public ::testing::Test {
 protected:
  void Connect(const std::string& conninfo) {
    ConnectOptions options{conninfo, ""};
    connection_ = RunOnLoop(loop_, connector_.Connect(std::move(options), seconds(30)));
  }
  // The first cell of each answer, or the error's SQLSTATE.
  std::vector<std::string> Ask(const std::vector<std::string>& queries) {
    std::vector<Request> requests;
    for (const std::string& query : queries) requests.push_back({{query, query}, {}});
    std::vector<std::string> texts;
    for (const Answer& answer : RunOnLoop(loop_, connection_->QueryAll(std::move(requests), After(seconds(30))))) {
      texts.emplace_back(answer ? answer->Text(0, 0).value_or("NULL") : answer.error().sqlstate());
    }
    return texts;
  }
  void ConnectToConsole(const PostgresServer& server) {
    pooler_.emplace(server, support::PgBouncerOptions{});
    Connect(pooler_->Conninfo("dbname=pgbouncer user=postgres"));
  }

  PostgresServer server_;
  std::optional<support::PgBouncer> pooler_;
  asio::io_context loop_;
  BlockingPool blocking_{4};
  Connector connector_{blocking_, 8};
  std::unique_ptr<Connection> connection_;
};

TEST_F(SimpleProtocolPgTest, AnErrorSpoilsNoOtherRequest) {
  Connect(server_.Conninfo("user=postgres sslmode=disable"));
  EXPECT_THAT(connection_->version_text(), ::testing::StartsWith(std::to_string(server_.major())));
  connection_->UseSimpleProtocol();
  EXPECT_THAT(Ask({"SELECT 1", "SELECT 1/0", "SELECT 'x'", "SELECT NULL"}), ElementsAre("1", "22012", "x", "NULL"));
  EXPECT_TRUE(connection_->usable());
  // More than one buffer of the socket.
  EXPECT_EQ(Ask({"SELECT repeat('a', 5000000)"}).front().size(), 5'000'000u);
}

TEST_F(SimpleProtocolPgTest, ARequestHasNoParameters) {
  Connect(server_.Conninfo("user=postgres sslmode=disable"));
  connection_->UseSimpleProtocol();
  const Statement statement{"q", "SELECT $1"};
  EXPECT_THROW(RunOnLoop(loop_, connection_->Query(statement, {"1"}, After(seconds(30)))), std::logic_error);
}

TEST_F(SimpleProtocolPgTest, ASessionThatEndsIsLost) {
  Connect(server_.Conninfo("user=postgres sslmode=disable"));
  connection_->UseSimpleProtocol();
  server_.Execute("SELECT pg_terminate_backend(" + std::to_string(connection_->backend_pid()) + ")");
  EXPECT_THROW(Ask({"SELECT 1"}), DbError);
  EXPECT_FALSE(connection_->usable());
}

TEST_F(SimpleProtocolPgTest, PgBouncersConsoleAnswers) {
  ConnectToConsole(server_);
  EXPECT_THAT(connection_->version_text(), EndsWith("/bouncer"));
  connection_->UseSimpleProtocol();
  EXPECT_THAT(Ask({"SHOW VERSION", "SHOW LISTS"}), ElementsAre(HasSubstr("PgBouncer"), "databases"));
  const Statement clients{"clients", "SHOW CLIENTS"};
  const Result rows = RunOnLoop(loop_, connection_->Query(clients, {}, After(seconds(30))));
  EXPECT_EQ(rows.Text(0, rows.Column("database")), "pgbouncer");
}

// What the simple mode is for.
TEST_F(SimpleProtocolPgTest, PgBouncersConsoleRefusesTheExtendedProtocol) {
  ConnectToConsole(server_);
  EXPECT_THAT(Ask({"SHOW VERSION"}), ElementsAre(::testing::Not(HasSubstr("PgBouncer"))));
}

}  // namespace
}  // namespace pgtls::db
