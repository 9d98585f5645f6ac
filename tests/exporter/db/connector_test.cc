// Connecting, against scripted peers.
#include "exporter/db/connector.h"
#include "exporter/base/completion.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "tests/exporter/db/fake_server.h"
#include "tests/exporter/db/loop.h"
#include "tests/support/files.h"

namespace pgtls::db {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace pgtls::db::testing;  // NOLINT(google-build-using-namespace): the peer and its messages

asio::awaitable<void> Silent(Socket& socket) { co_await ReceiveAll(socket); }

asio::awaitable<void> Welcomes(Socket& socket) {
  co_await ReceiveStartup(socket);
  co_await Send(socket, Welcome());
  co_await ReceiveAll(socket);
}

// A port that answers no SYN: its queue of connections is full and nobody accepts them.
class DeafPort {
 public:
  DeafPort() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_, 0), 0);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    for (int& filler : fillers_) {
      filler = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      EXPECT_TRUE(connect(filler, reinterpret_cast<sockaddr*>(&address), size) == 0 || errno == EINPROGRESS);
    }
  }
  ~DeafPort() {
    for (const int filler : fillers_) close(filler);
    close(listener_);
  }
  DeafPort(const DeafPort&) = delete;
  DeafPort& operator=(const DeafPort&) = delete;
  int port() const { return port_; }

 private:
  int listener_;
  int port_ = 0;
  std::array<int, 4> fillers_{};
};

class ConnectorTest : public ::testing::Test {
 protected:
  std::unique_ptr<Connection> Connect(const std::string& conninfo, milliseconds timeout = seconds(30),
                                      const std::string& password_file = "") {
    ConnectOptions options{conninfo, password_file};
    return RunOnLoop(loop_, connector_.Connect(std::move(options), timeout));
  }
  // The error of a connect that must fail.
  void ExpectError(const std::string& conninfo, FailureReason reason, const std::string& sqlstate,
                   const std::string& text) {
    try {
      Connect(conninfo);
      ADD_FAILURE() << "no error: " << conninfo;
    } catch (const DbError& error) {
      EXPECT_EQ(error.reason(), reason) << error.what();
      EXPECT_EQ(error.sqlstate(), sqlstate) << error.what();
      EXPECT_THAT(error.what(), HasSubstr(text));
      EXPECT_THAT(error.what(), Not(HasSubstr("LOCATION")));
      EXPECT_THAT(error.what(), Not(HasSubstr("auth_failed")));
      EXPECT_THAT(error.what(), Not(HasSubstr("hunter2")));
    }
  }

  asio::io_context loop_;
  BlockingPool blocking_{2};
  Connector connector_{blocking_, 2};
};

TEST_F(ConnectorTest, Connects) {
  FakeServer server(loop_, Welcomes);
  EXPECT_EQ(Connect(server.Conninfo())->backend_pid(), 77);
}

TEST_F(ConnectorTest, SaysWhoItIs) {
  std::string startup;
  FakeServer server(loop_, [&](Socket& socket) -> asio::awaitable<void> {
    startup = co_await ReceiveStartup(socket);
    co_await Send(socket, Welcome());
    co_await ReceiveAll(socket);
  });
  using std::string_literals::operator""s;
  Connect(server.Conninfo());
  EXPECT_THAT(startup, HasSubstr("application_name\0pg_tls_exporter\0"s));
  Connect(server.Conninfo("application_name=mine"));
  EXPECT_THAT(startup, HasSubstr("application_name\0mine\0"s));
}

TEST_F(ConnectorTest, AClosedPortIsNoTimeout) {
  const std::string port = std::to_string(support::FreePort());
  ExpectError("host=127.0.0.1 port=" + port + " password=hunter2", FailureReason::kConnection, "",
              "Connection refused");
}

TEST_F(ConnectorTest, AMissingSocketIsAConnectionError) {
  const support::TempDir dir;
  ExpectError("host=" + dir.path(), FailureReason::kConnection, "", "No such file or directory");
}

TEST_F(ConnectorTest, APeerThatNeverAnswersIsATimeout) {
  FakeServer server(loop_, Silent);
  try {
    Connect(server.Conninfo(), milliseconds(50));
    FAIL() << "no error";
  } catch (const TimeoutError& error) {
    EXPECT_STREQ(error.what(), "connect: no answer in time");
  }
  EXPECT_EQ(server.accepted(), 1);
}

TEST_F(ConnectorTest, ASilentFirstHostHidesNothing) {
  const DeafPort deaf;
  FakeServer server(loop_, Welcomes);
  const auto connection = Connect("host=127.0.0.1,127.0.0.1 port=" + std::to_string(deaf.port()) + "," +
                                  std::to_string(server.port()) + " user=u dbname=d sslmode=disable");
  EXPECT_EQ(connection->peer().port, server.port());
}

TEST_F(ConnectorTest, TheErrorIsTheServers) {
  FakeServer server(loop_, [](Socket& socket) -> asio::awaitable<void> {
    co_await ReceiveStartup(socket);
    co_await Send(socket, ErrorMessage("PANNE", "28P01", "authentification par mot de passe échouée"));
  });
  ExpectError(server.Conninfo("password=hunter2"), FailureReason::kAuthentication, "28P01", "échouée");
}

TEST_F(ConnectorTest, AServerWithoutRoomIsAConnectionError) {
  FakeServer server(loop_, [](Socket& socket) -> asio::awaitable<void> {
    co_await ReceiveStartup(socket);
    co_await Send(socket, ErrorMessage("FATAL", "53300", "sorry, too many clients already"));
  });
  ExpectError(server.Conninfo(), FailureReason::kConnection, "53300", "too many clients");
}

TEST_F(ConnectorTest, WhatIsNoPostgresIsAConnectionError) {
  FakeServer server(loop_, [](Socket& socket) -> asio::awaitable<void> {
    co_await ReceiveStartup(socket);
    co_await Send(socket, "HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  ExpectError(server.Conninfo(), FailureReason::kConnection, "", "received H");
}

TEST_F(ConnectorTest, ARefusalOfTlsIsATlsError) {
  FakeServer server(loop_, [](Socket& socket) -> asio::awaitable<void> {
    co_await Receive(socket, 8);
    co_await Send(socket, "N");
    co_await ReceiveAll(socket);
  });
  ExpectError(server.Conninfo("sslmode=require gssencmode=disable"), FailureReason::kTls, "",
              "server does not support SSL");
}

TEST_F(ConnectorTest, APasswordFileIsReadAtEachConnect) {
  std::vector<std::string> passwords;
  FakeServer server(loop_, [&](Socket& socket) -> asio::awaitable<void> {
    co_await ReceiveStartup(socket);
    co_await Send(socket, Message('R', Int32(3)));  // in clear
    const std::string head = co_await Receive(socket, 5);
    std::string password = co_await Receive(socket, Number(head.substr(1)) - 4);
    password.pop_back();
    passwords.push_back(password);
    co_await Send(socket, Welcome());
    co_await ReceiveAll(socket);
  });
  const support::TempDir dir;
  for (const char* content : {"first\n", "second"}) {
    // Over a password in the string.
    Connect(server.Conninfo("password=of-the-string"), seconds(30), dir.Write("password", content));
  }
  EXPECT_THAT(passwords, ::testing::ElementsAre("first", "second"));
}

TEST_F(ConnectorTest, APasswordFileThatIsGoneIsAnAuthenticationError) {
  try {
    Connect("host=127.0.0.1 port=1", seconds(30), "/nonexistent/password");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), FailureReason::kAuthentication);
    EXPECT_STREQ(error.what(), "password_file /nonexistent/password: No such file or directory");
  }
}

TEST_F(ConnectorTest, OnlySoManyConnectAtOnce) {
  FakeServer server(loop_, Silent);
  std::vector<std::future<std::unique_ptr<Connection>>> connects;
  for (int i = 0; i < 12; ++i) {
    ConnectOptions options{server.Conninfo(), ""};
    connects.push_back(
        asio::co_spawn(loop_, connector_.Connect(std::move(options), milliseconds(30)), asio::use_future));
  }
  // Each has its whole time, counted from its turn.
  for (auto& connect : connects) EXPECT_THROW(Await(loop_, std::move(connect)), TimeoutError);
  EXPECT_EQ(server.accepted(), 12);
  EXPECT_LE(server.most_open(), 4);  // 2, and those whose end the peer has not read yet
}

TEST_F(ConnectorTest, ManyConnectsAllSucceed) {
  FakeServer server(loop_, Welcomes);
  std::vector<std::future<std::unique_ptr<Connection>>> connects;
  for (int i = 0; i < 50; ++i) {
    ConnectOptions options{server.Conninfo(), ""};
    connects.push_back(asio::co_spawn(loop_, connector_.Connect(std::move(options), seconds(30)), asio::use_future));
  }
  for (auto& connect : connects) EXPECT_TRUE(Await(loop_, std::move(connect))->usable());
}

// As many as there are turns wait for servers that never answer, and the others go on.
TEST_F(ConnectorTest, SilentServersHoldNobodyUp) {
  asio::steady_timer hang_up(loop_, Deadline::max());
  FakeServer silent(loop_, [&](Socket&) -> asio::awaitable<void> { co_await hang_up.async_wait(kAsTuple); });
  FakeServer server(loop_, Welcomes);
  std::vector<std::future<std::unique_ptr<Connection>>> waiting;
  for (int i = 0; i < 8; ++i) {
    ConnectOptions options{silent.Conninfo(), ""};
    waiting.push_back(asio::co_spawn(loop_, connector_.Connect(std::move(options), seconds(60)), asio::use_future));
  }
  EXPECT_TRUE(Connect(server.Conninfo())->usable());
  for (auto& connect : waiting) EXPECT_EQ(connect.wait_for(seconds(0)), std::future_status::timeout);
  // When they end at last, there are no more turns than there were.
  hang_up.cancel();
  for (auto& connect : waiting) EXPECT_THROW(Await(loop_, std::move(connect)), DbError);
  FakeServer busy(loop_, Silent);
  waiting.clear();
  for (int i = 0; i < 6; ++i) {
    ConnectOptions options{busy.Conninfo(), ""};
    waiting.push_back(
        asio::co_spawn(loop_, connector_.Connect(std::move(options), milliseconds(30)), asio::use_future));
  }
  for (auto& connect : waiting) EXPECT_THROW(Await(loop_, std::move(connect)), TimeoutError);
  EXPECT_LE(busy.most_open(), 4);  // 2, and those whose end the peer has not read yet
}

// As many as there are turns wait in a step of libpq's (for a resolver in earnest; here for a service file that is a
// pipe nobody writes to), and the others go on.
TEST_F(ConnectorTest, StepsThatHangHoldNobodyUp) {
  const support::TempDir dir;
  const std::string pipe = dir.path() + "/services";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  FakeServer server(loop_, Welcomes);
  ConnectOptions hanging{"service=any", ""};
  setenv("PGSERVICEFILE", pipe.c_str(), 1);
  std::vector<std::future<std::unique_ptr<Connection>>> waiting;
  for (int i = 0; i < 3; ++i) {
    waiting.push_back(asio::co_spawn(loop_, connector_.Connect(hanging, seconds(60)), asio::use_future));
  }
  EXPECT_TRUE(Connect(server.Conninfo())->usable());
  for (const auto& connect : waiting) EXPECT_EQ(connect.wait_for(seconds(0)), std::future_status::timeout);
  // Ends the files that are open: there is no such service.
  const auto is_over = [&] {
    const int writer = open(pipe.c_str(), O_WRONLY | O_NONBLOCK);
    if (writer >= 0) close(writer);
    loop_.restart();
    loop_.run_for(milliseconds(10));
    return std::ranges::all_of(
        waiting, [](const auto& connect) { return connect.wait_for(seconds(0)) == std::future_status::ready; });
  };
  EXPECT_TRUE(support::WaitUntil(is_over));
  unsetenv("PGSERVICEFILE");
  for (auto& connect : waiting) EXPECT_THROW(connect.get(), DbError);
}

// However many are silent, one that has no turn says so in time.
TEST_F(ConnectorTest, NoTurnInTimeIsATimeout) {
  FakeServer server(loop_, Welcomes);
  Connector none(blocking_, 0);
  ConnectOptions options{server.Conninfo(), ""};
  try {
    RunOnLoop(loop_, none.Connect(options, seconds(60), milliseconds(50)));
    ADD_FAILURE() << "no error";
  } catch (const TimeoutError& error) {
    EXPECT_STREQ(error.what(), "connect: too many connects are in progress");
  }
  EXPECT_EQ(server.accepted(), 0);
  EXPECT_TRUE(RunOnLoop(loop_, connector_.Connect(options, seconds(60), milliseconds(50)))->usable());
}

// One waits for its turn, gets it, and is cancelled before it can take it: the turn must go to the next one.
TEST_F(ConnectorTest, ATurnThatIsGivenToACancelledConnectIsNotLost) {
  FakeServer silent(loop_, Silent);
  FakeServer server(loop_, Welcomes);
  Connector connector(blocking_, 1);
  asio::cancellation_signal cancel_holder;
  asio::cancellation_signal cancel_second;
  ConnectOptions to_silent{silent.Conninfo(), ""};
  ConnectOptions to_server{server.Conninfo(), ""};
  asio::co_spawn(loop_, connector.Connect(to_silent, seconds(60)),
                 asio::bind_cancellation_slot(cancel_holder.slot(), [&](const std::exception_ptr&, auto) {
                   cancel_second.emit(asio::cancellation_type::terminal);
                 }));
  asio::co_spawn(loop_, connector.Connect(to_server, seconds(60)),
                 asio::bind_cancellation_slot(cancel_second.slot(), [](const std::exception_ptr&, auto) {}));
  auto third = asio::co_spawn(loop_, connector.Connect(to_server, seconds(60)), asio::use_future);
  while (silent.accepted() == 0) loop_.run_one();
  cancel_holder.emit(asio::cancellation_type::terminal);
  const Deadline limit = After(seconds(20));
  while (third.wait_for(seconds(0)) != std::future_status::ready) {
    ASSERT_LT(std::chrono::steady_clock::now(), limit) << "the third connect never gets its turn";
    loop_.run_one_for(milliseconds(100));
  }
  EXPECT_TRUE(third.get()->usable());
}

}  // namespace
}  // namespace pgtls::db
