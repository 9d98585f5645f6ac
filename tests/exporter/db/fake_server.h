// A peer on loopback that speaks just enough of PostgreSQL's protocol (version 3), or something else, as its script
// says.
#pragma once

#include <asio.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "exporter/base/completion.h"

namespace pgtls::db::testing {

using Socket = asio::ip::tcp::socket;

// Big-endian, as the protocol has it.
inline std::string Int32(std::size_t number) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift);
  return bytes;
}

inline std::string Message(char type, const std::string& body) { return type + Int32(body.size() + 4) + body; }

// `severity` in the server's language, as it is told for programs in the last.
inline std::string ErrorMessage(const std::string& severity, const std::string& code, const std::string& text,
                                const std::string& fixed_severity = "FATAL") {
  const auto field = [](char type, const std::string& value) { return type + value + '\0'; };
  return Message('E', field('S', severity) + field('V', fixed_severity) + field('C', code) + field('M', text) +
                          field('F', "auth.c") + field('L', "1") + field('R', "auth_failed") + '\0');
}

// AuthenticationOk, the version, BackendKeyData with pid 77, ReadyForQuery.
inline std::string Welcome(const std::string& server_version = "15.3") {
  using std::string_literals::operator""s;
  return Message('R', Int32(0)) + Message('S', "server_version\0"s + server_version + '\0') +
         Message('K', Int32(77) + Int32(1)) + Message('Z', "I");
}

inline asio::awaitable<void> Send(Socket& socket, std::string bytes) {
  co_await asio::async_write(socket, asio::buffer(bytes), asio::use_awaitable);
}

inline asio::awaitable<std::string> Receive(Socket& socket, std::size_t size) {
  std::string bytes(size, '\0');
  co_await asio::async_read(socket, asio::buffer(bytes), asio::use_awaitable);
  co_return bytes;
}

inline std::size_t Number(const std::string& bytes) {
  std::size_t number = 0;
  for (const char c : bytes) number = number << 8 | static_cast<std::uint8_t>(c);
  return number;
}

// The StartupMessage (sslmode=disable: nothing comes before it).
inline asio::awaitable<std::string> ReceiveStartup(Socket& socket) {
  const std::string size = co_await Receive(socket, 4);
  co_return co_await Receive(socket, Number(size) - 4);
}

// The types of the messages up to and with the next Sync.
inline asio::awaitable<std::string> ReceiveUntilSync(Socket& socket) {
  std::string types;
  while (!types.ends_with('S')) {
    const std::string head = co_await Receive(socket, 5);
    types += head[0];
    co_await Receive(socket, Number(head.substr(1)) - 4);
  }
  co_return types;
}

inline asio::awaitable<void> ReceiveAll(Socket& socket) {
  std::string text;
  co_await asio::async_read(socket, asio::dynamic_buffer(text), kAsTuple);
}

// The script runs for each connection; what goes wrong in it ends it silently: the client may leave when it likes.
class FakeServer {
 public:
  using Script = std::function<asio::awaitable<void>(Socket&)>;

  FakeServer(asio::io_context& loop, Script script)
      : acceptor_(loop, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0)), script_(std::move(script)) {
    asio::co_spawn(loop, Accept(), asio::detached);
  }

  int port() const { return acceptor_.local_endpoint().port(); }
  std::string Conninfo(const std::string& more = "") const {
    return "host=127.0.0.1 port=" + std::to_string(port()) + " user=u dbname=d sslmode=disable " + more;
  }
  int accepted() const { return accepted_; }
  int most_open() const { return most_open_; }
  int open() const { return open_; }

 private:
  asio::awaitable<void> Accept() {
    for (;;) {
      auto [error, socket] = co_await acceptor_.async_accept(kAsTuple);
      if (error) co_return;
      ++accepted_;
      asio::co_spawn(acceptor_.get_executor(), Talk(std::move(socket)), asio::detached);
    }
  }
  asio::awaitable<void> Talk(Socket socket) {
    most_open_ = std::max(most_open_, ++open_);
    try {
      co_await script_(socket);
    } catch (const std::system_error&) {
    }
    --open_;
  }

  asio::ip::tcp::acceptor acceptor_;
  Script script_;
  int accepted_ = 0;
  int open_ = 0;
  int most_open_ = 0;
};

}  // namespace pgtls::db::testing
