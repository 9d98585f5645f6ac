// The session over libpq, against a scripted peer.
#include "exporter/db/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/db/connector.h"
#include "tests/exporter/db/fake_server.h"
#include "tests/exporter/db/loop.h"

namespace pgtls::db {
namespace {

using std::string_literals::operator""s;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace pgtls::db::testing;  // NOLINT(google-build-using-namespace): the peer and its messages

const std::string kReady = Message('Z', "I");
const std::string kPrepared = Message('1', "");  // comes before the first answer

// One column "c" of type text with these rows; "" stands for NULL.
std::string Rows(std::initializer_list<std::string> rows) {
  std::string bytes = Message('2', "") + Message('T', "\0\1c\0"s + Int32(0) + "\0\0"s + Int32(25) + "\xFF\xFF" +
                                                          Int32(0xFFFFFFFF) + "\0\0"s);
  for (const auto& row : rows) {
    bytes += Message('D', "\0\1"s + (row.empty() ? Int32(0xFFFFFFFF) : Int32(row.size()) + row));
  }
  return bytes + Message('C', "SELECT 1\0"s);
}

std::string Answer(std::initializer_list<std::string> rows) { return Rows(rows) + kReady; }

class ConnectionTest : public ::testing::Test {
 protected:
  // Logs in to a peer that answers each request up to a Sync with the next of `answers`, and then closes or is silent.
  void Connect(const std::vector<std::string>& answers, bool closes = false) {
    server_.emplace(loop_, [this, answers, closes](Socket& socket) -> asio::awaitable<void> {
      co_await ReceiveStartup(socket);
      co_await Send(socket, Welcome());
      for (const auto& answer : answers) {
        requests_.push_back(co_await ReceiveUntilSync(socket));
        co_await Send(socket, answer);
      }
      if (!closes) co_await ReceiveAll(socket);
    });
    ConnectOptions options{server_->Conninfo(), ""};
    connection_ = RunOnLoop(loop_, connector_.Connect(std::move(options), std::chrono::seconds(20)));
  }
  Result Query(Deadline deadline = After(std::chrono::seconds(20)), const std::string& name = "q") {
    const Statement statement{name, "SELECT c"};
    return RunOnLoop(loop_, connection_->Query(statement, {}, deadline));
  }

  void SetUpSession() {
    const auto set_up = [](Connection& connection) -> asio::awaitable<bool> {
      co_await connection.SetUp(After(std::chrono::seconds(20)));
      co_return true;
    };
    RunOnLoop(loop_, set_up(*connection_));
  }

  // The first column of each answer's first row, or the error.
  std::vector<std::string> QueryAll(const std::vector<std::string>& names) {
    std::vector<Request> requests;
    for (const auto& name : names) requests.push_back({{name, "SELECT c"}, {}});
    std::vector<std::string> texts;
    for (const auto& answer :
         RunOnLoop(loop_, connection_->QueryAll(std::move(requests), After(std::chrono::seconds(20))))) {
      texts.emplace_back(answer ? answer->Text(0, 0).value() : answer.error().what());
    }
    return texts;
  }

  asio::io_context loop_;
  BlockingPool blocking_{1};
  Connector connector_{blocking_, 1};
  std::optional<FakeServer> server_;
  std::vector<std::string> requests_;  // the types of the messages of each
  std::unique_ptr<Connection> connection_;
};

TEST_F(ConnectionTest, KnowsItsPeer) {
  Connect({});
  EXPECT_EQ(connection_->server_version(), 150003);
  EXPECT_EQ(connection_->backend_pid(), 77);
  EXPECT_EQ(connection_->peer().address, IpAddress::Parse("127.0.0.1"));
  EXPECT_EQ(connection_->peer().port, server_->port());
  EXPECT_EQ(connection_->peer().host, "127.0.0.1");
  EXPECT_EQ(connection_->peer().user, "u");
  EXPECT_EQ(connection_->peer().database, "d");
  EXPECT_TRUE(connection_->usable());
}

TEST_F(ConnectionTest, PreparesEachStatementOnce) {
  Connect({kPrepared + Answer({"1"}), Answer({"2", ""}), kPrepared + Answer({})});
  EXPECT_EQ(Query().Text(0, 0), "1");
  const Result second = Query();
  EXPECT_EQ(second.rows(), 2);
  EXPECT_EQ(second.Text(0, 0), "2");
  EXPECT_EQ(second.Text(1, 0), std::nullopt);
  EXPECT_EQ(Query(After(std::chrono::seconds(20)), "other").rows(), 0);
  EXPECT_THAT(requests_, ElementsAre("PBDES", "BDES", "PBDES"));
}

// The session lane's collectors and the wire lane's share it.
TEST_F(ConnectionTest, SeveralAtOnceTakeTurns) {
  constexpr int kQueries = 4;
  std::vector<std::string> answers;
  for (int i = 0; i < kQueries; ++i) answers.push_back((i == 0 ? kPrepared : "") + Answer({std::to_string(i)}));
  Connect(answers);
  std::vector<std::string> results;
  for (int i = 0; i < kQueries; ++i) {
    auto query = [&]() -> asio::awaitable<void> {
      const Statement statement{"q", "SELECT c"};
      const Result rows = co_await connection_->Query(statement, {}, After(std::chrono::seconds(20)));
      results.emplace_back(rows.Text(0, 0).value());
    };
    asio::co_spawn(loop_, query, [](const std::exception_ptr& error) {
      if (error) std::rethrow_exception(error);
    });
  }
  loop_.restart();
  while (results.size() < kQueries) loop_.run_one();
  EXPECT_THAT(results, ElementsAre("0", "1", "2", "3"));
}

// One that asks again and again does not keep out the other that waits.
TEST_F(ConnectionTest, TheNextTurnIsTheWaitingOnes) {
  std::vector<std::string> answers;
  for (int i = 0; i < 4; ++i) answers.push_back((i == 0 ? kPrepared : "") + Answer({std::to_string(i)}));
  Connect(answers);
  std::vector<std::string> results;
  const auto ask = [&](std::string who, int queries) -> asio::awaitable<void> {
    for (int i = 0; i < queries; ++i) {
      const Statement statement{"q", "SELECT c"};
      const Result rows = co_await connection_->Query(statement, {}, After(std::chrono::seconds(20)));
      results.push_back(who + std::string(rows.Text(0, 0).value()));
    }
  };
  const auto rethrow = [](const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
  };
  asio::co_spawn(loop_, ask("often ", 3), rethrow);
  asio::co_spawn(loop_, ask("once ", 1), rethrow);
  loop_.restart();
  while (results.size() < 4) loop_.run_one();
  EXPECT_THAT(results, ElementsAre("often 0", "once 1", "often 2", "often 3"));
}

// One is cancelled in the moment in which it is given the turn: the turn is the next one's.
TEST_F(ConnectionTest, ATurnIsNotLostWithTheOneThatWaitedForIt) {
  Connect({kPrepared + Answer({"0"}), Answer({"1"})});
  std::vector<std::string> results;
  asio::cancellation_signal cancel_second;
  const auto ask = [&](bool cancels) -> asio::awaitable<void> {
    const Statement statement{"q", "SELECT c"};
    const Result rows = co_await connection_->Query(statement, {}, After(std::chrono::seconds(20)));
    results.emplace_back(rows.Text(0, 0).value());
    if (cancels) cancel_second.emit(asio::cancellation_type::terminal);
  };
  const auto rethrow = [](const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
  };
  bool second_failed = false;
  asio::co_spawn(loop_, ask(true), rethrow);
  asio::co_spawn(loop_, ask(false),
                 asio::bind_cancellation_slot(
                     cancel_second.slot(), [&](const std::exception_ptr& error) { second_failed = error != nullptr; }));
  asio::co_spawn(loop_, ask(false), rethrow);
  loop_.restart();
  const Deadline limit = After(std::chrono::seconds(15));
  while (results.size() < 2 && std::chrono::steady_clock::now() < limit)
    loop_.run_one_for(std::chrono::milliseconds(50));
  EXPECT_THAT(results, ElementsAre("0", "1"));
  EXPECT_TRUE(second_failed);
  EXPECT_TRUE(connection_->usable());
}

TEST_F(ConnectionTest, AnErrorOfTheServerLeavesTheSession) {
  const std::string denied = ErrorMessage("FEHLER", "42501", "keine Berechtigung\nfür x", "ERROR") + kReady;
  Connect({denied, kPrepared + denied, Answer({"1"})});
  for (int i = 0; i < 2; ++i) {  // as it prepares, as it executes
    try {
      Query();
      ADD_FAILURE() << "no error";
    } catch (const DbError& error) {
      EXPECT_EQ(error.reason(), FailureReason::kInsufficientPrivilege);
      EXPECT_EQ(error.sqlstate(), "42501");
      EXPECT_STREQ(error.what(), "keine Berechtigung; für x");
    }
    EXPECT_TRUE(connection_->usable());
  }
  EXPECT_EQ(Query().Text(0, 0), "1");
  EXPECT_THAT(requests_, ElementsAre("PBDES", "PBDES", "BDES"));
}

TEST_F(ConnectionTest, SeveralRequestsAreOneRoundTrip) {
  Connect({kPrepared + Rows({"1"}) + kPrepared + Rows({"2"}) + Rows({"3"}) + kReady, Answer({"4"})});
  EXPECT_THAT(QueryAll({"one", "other", "one"}), ElementsAre("1", "2", "3"));
  EXPECT_THAT(QueryAll({"other"}), ElementsAre("4"));
  EXPECT_THAT(QueryAll({}), ElementsAre());
  EXPECT_THAT(requests_, ElementsAre("PBDEPBDEBDES", "BDES"));
}

// The server skips all up to the Sync: what was behind the error is asked again.
TEST_F(ConnectionTest, AnErrorSpoilsNoOtherRequest) {
  const auto error = [](const char* text) { return ErrorMessage("ERROR", "42501", text, "ERROR") + kReady; };
  Connect({
      kPrepared + Rows({"1"}) + error("no preparation"),
      kPrepared + error("no execution"),
      kPrepared + Rows({"4"}) + kReady,
      Rows({"1"}) + kPrepared + Rows({"2"}) + Rows({"3"}) + Answer({"4"}),
  });
  EXPECT_THAT(QueryAll({"a", "b", "c", "d"}), ElementsAre("1", "no preparation", "no execution", "4"));
  EXPECT_THAT(QueryAll({"a", "b", "c", "d"}), ElementsAre("1", "2", "3", "4"));
  EXPECT_THAT(requests_, ElementsAre("PBDEPBDEPBDEPBDES", "PBDEPBDES", "PBDES", "BDEPBDEBDEBDES"));
}

// With what the server said last, whatever it was.
TEST_F(ConnectionTest, AnEndBetweenAnswersIsALostConnection) {
  Connect({kPrepared + Rows({"1"}) + ErrorMessage("FATAL", "25P04", "transaction timeout")}, /*closes=*/true);
  try {
    QueryAll({"a", "b", "c"});
    FAIL() << "no error";
  } catch (const DbError& error) {
    EXPECT_EQ(error.reason(), FailureReason::kConnection);
    EXPECT_EQ(error.sqlstate(), "25P04");
    EXPECT_STREQ(error.what(), "transaction timeout");
  }
  EXPECT_FALSE(connection_->usable());
}

TEST_F(ConnectionTest, ATimeoutNamesAllThatWasAsked) {
  Connect({kPrepared + Rows({"1"})});
  std::vector<Request> requests = {{{"a", "SELECT c"}, {}}, {{"b", "SELECT c"}, {}}};
  try {
    RunOnLoop(loop_, connection_->QueryAll(std::move(requests), After(std::chrono::milliseconds(50))));
    FAIL() << "no error";
  } catch (const TimeoutError& error) {
    EXPECT_STREQ(error.what(), "query a b: no answer in time");
  }
  EXPECT_FALSE(connection_->usable());
}

TEST_F(ConnectionTest, SilenceIsATimeoutAndEndsTheSession) {
  Connect({kPrepared});
  try {
    Query(After(std::chrono::milliseconds(50)));
    FAIL() << "no error";
  } catch (const TimeoutError& error) {
    EXPECT_STREQ(error.what(), "query q: no answer in time");
  }
  EXPECT_FALSE(connection_->usable());
  try {
    Query();
    FAIL() << "no error";
  } catch (const DbError& error) {
    EXPECT_EQ(error.reason(), FailureReason::kConnection);
    EXPECT_EQ(error.sqlstate(), "");
    EXPECT_STREQ(error.what(), "the connection is closed");
  }
}

TEST_F(ConnectionTest, ALostConnectionIsThatAndNoTimeout) {
  Connect({kPrepared}, /*closes=*/true);
  try {
    Query(Deadline::max());
    FAIL() << "no error";
  } catch (const DbError& error) {
    EXPECT_EQ(error.reason(), FailureReason::kConnection);
    EXPECT_THAT(error.what(), HasSubstr("server closed the connection unexpectedly"));
  }
  EXPECT_FALSE(connection_->usable());
}

TEST_F(ConnectionTest, AShutdownIsALostConnection) {
  Connect({kPrepared + ErrorMessage("FATAL", "57P01", "terminating connection")}, /*closes=*/true);
  try {
    Query(Deadline::max());
    FAIL() << "no error";
  } catch (const DbError& error) {
    EXPECT_EQ(error.reason(), FailureReason::kConnection);
  }
  EXPECT_FALSE(connection_->usable());
}

TEST_F(ConnectionTest, ATruncatedAnswerIsNoResult) {
  const std::string whole = Answer({"1", "2"});
  Connect({kPrepared + whole.substr(0, whole.size() / 2)}, /*closes=*/true);
  EXPECT_THROW(Query(After(std::chrono::milliseconds(200))), Error);
  EXPECT_FALSE(connection_->usable());
}

TEST_F(ConnectionTest, GarbageEndsTheSession) {
  Connect({kPrepared + std::string(64, '\xEE')});
  EXPECT_THROW(Query(After(std::chrono::milliseconds(200))), Error);
  EXPECT_FALSE(connection_->usable());
}

// Answers of a connection that is set up: the pid, then the preamble (search_path, settings) before each first answer.
std::string Pid(const std::string& pid) { return Answer({pid}); }
std::string Preamble(const std::string& pid) {
  const auto column = [](const std::string& name) {
    return name + '\0' + Int32(0) + "\0\0"s + Int32(20) + "\0\x8"s + Int32(0xFFFFFFFF) + "\0\0"s;
  };
  const auto cell = [](const std::string& text) { return Int32(text.size()) + text; };
  return Rows({"path"}) + Message('2', "") + Message('T', "\0\2"s + column("pid") + column("start_us")) +
         Message('D', "\0\2"s + cell(pid) + cell("1000")) + Message('C', "SELECT 1\0"s);
}

TEST_F(ConnectionTest, IsSetUpByItsFirstQueryAndPreparesTheOthers) {
  Connect({Pid("77"), Preamble("77") + kPrepared + Answer({"1"}), Answer({"2"})});
  SetUpSession();
  EXPECT_FALSE(connection_->pooled());
  EXPECT_EQ(Query().Text(0, 0), "1");
  EXPECT_EQ(connection_->backend(), (BackendId{77, 1000}));
  EXPECT_EQ(Query().Text(0, 0), "2");
  EXPECT_THAT(requests_, ElementsAre("PBDES", "PBDEPBDEPBDES", "BDES"));
}

// Nothing is prepared on a backend that serves others too, and its settings end with the transaction.
TEST_F(ConnectionTest, ThroughAPoolerEachQueryIsSetUp) {
  Connect({kPrepared + Pid("5"), Preamble("5") + Answer({"1"}), Preamble("6") + Answer({"2"})});
  SetUpSession();
  EXPECT_TRUE(connection_->pooled());
  EXPECT_EQ(connection_->backend_pid(), 5);
  EXPECT_EQ(Query().Text(0, 0), "1");
  EXPECT_EQ(Query().Text(0, 0), "2");
  EXPECT_EQ(connection_->backend_pid(), 6);
  EXPECT_THAT(requests_, ElementsAre("PBDES", "PBDEPBDEPBDES", "PBDEPBDEPBDES"));
}

TEST_F(ConnectionTest, AnErrorThatMayBeTheSessionsSpendsTheConnection) {
  for (const auto& [code, stays] : {std::pair("26000", false), std::pair("42501", true)}) {
    Connect({ErrorMessage("ERROR", code, "no", "ERROR") + kReady});
    EXPECT_THROW(Query(), DbError);
    EXPECT_EQ(connection_->usable(), stays) << code;
    EXPECT_FALSE(connection_->silent());
  }
}

// The one that waited for the connection finds out nothing else than the one that lost it.
TEST_F(ConnectionTest, AServerThatIsSilentForOneUserIsSoForTheNext) {
  Connect({});
  EXPECT_THROW(Query(After(std::chrono::milliseconds(50))), TimeoutError);
  EXPECT_FALSE(connection_->usable());
  EXPECT_THROW(Query(), TimeoutError);
  EXPECT_TRUE(connection_->silent());
}

TEST_F(ConnectionTest, IsSilentWhereNothingCame) {
  Connect({});
  EXPECT_THROW(Query(After(std::chrono::milliseconds(50))), TimeoutError);
  EXPECT_TRUE(connection_->silent());
}

// A server that hangs has not ended a connection that was closed.
TEST_F(ConnectionTest, AClosedConnectionCountsUntilTheServerEndsIt) {
  asio::steady_timer hangs(loop_, Deadline::max());
  server_.emplace(loop_, [&](Socket& socket) -> asio::awaitable<void> {
    co_await ReceiveStartup(socket);
    co_await Send(socket, Welcome());
    co_await hangs.async_wait(asio::use_awaitable);
  });
  const auto closing = std::make_shared<ClosingSockets>();
  ConnectOptions options{.conninfo = server_->Conninfo(), .closing = closing};
  connection_ = RunOnLoop(loop_, connector_.Connect(std::move(options), std::chrono::seconds(20)));
  EXPECT_EQ(closing->CloseEnded(), 0U);
  connection_.reset();
  EXPECT_EQ(closing->CloseEnded(), 1U);
  hangs.cancel();
  loop_.restart();
  loop_.poll();
  EXPECT_EQ(closing->CloseEnded(), 0U);
}

}  // namespace
}  // namespace pgtls::db
