// A peer on loopback that follows a script, good or bad.
#pragma once

#include <asio.hpp>
#include <asio/ssl.hpp>
#include <functional>
#include <string>

#include "exporter/base/completion.h"
#include "tests/support/certificates.h"

namespace pgtls::tls::testing {

using Socket = asio::ip::tcp::socket;

// One line of talk after another, each awaited in order. Errors end a script silently: the prober may leave when it
// likes.
class Peer {
 public:
  using Script = std::function<asio::awaitable<void>(Socket&)>;

  // Listens at once; the script runs for each connection.
  Peer(asio::io_context& loop, Script script)
      : acceptor_(loop, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0)), script_(std::move(script)) {
    asio::co_spawn(loop, Accept(), asio::detached);
  }

  asio::ip::tcp::endpoint endpoint() const { return acceptor_.local_endpoint(); }
  int connections() const { return connections_; }
  void Stop() { acceptor_.close(); }

 private:
  asio::awaitable<void> Accept() {
    for (;;) {
      auto [error, socket] = co_await acceptor_.async_accept(kAsTuple);
      if (error) co_return;
      ++connections_;
      asio::co_spawn(acceptor_.get_executor(), Talk(std::move(socket)), asio::detached);
    }
  }
  asio::awaitable<void> Talk(Socket socket) {
    try {
      co_await script_(socket);
    } catch (const std::system_error&) {
      co_return;
    }
  }

  asio::ip::tcp::acceptor acceptor_;
  Script script_;
  int connections_ = 0;
};

inline asio::awaitable<std::string> Receive(Socket& socket, std::size_t bytes) {
  std::string text(bytes, '\0');
  co_await asio::async_read(socket, asio::buffer(text), asio::use_awaitable);
  co_return text;
}

inline asio::awaitable<void> Send(Socket& socket, std::string bytes) {
  co_await asio::async_write(socket, asio::buffer(bytes), asio::use_awaitable);
}

// Until the prober has closed its end; what it sent meanwhile.
inline asio::awaitable<std::string> ReceiveAll(Socket& socket) {
  std::string text;
  co_await asio::async_read(socket, asio::dynamic_buffer(text), kAsTuple);
  co_return text;
}

// A TLS server's context with this certificate, which speaks everything.
inline asio::ssl::context ServerContext(const support::Certificate& certificate) {
  asio::ssl::context context(asio::ssl::context::tls_server);
  SSL_CTX_set_security_level(context.native_handle(), 0);
  SSL_CTX_set_cipher_list(context.native_handle(), "ALL:@SECLEVEL=0");
  SSL_CTX_set_min_proto_version(context.native_handle(), 0);
  context.use_certificate_chain(asio::buffer(certificate.chain));
  context.use_private_key(asio::buffer(certificate.key), asio::ssl::context::pem);
  return context;
}

}  // namespace pgtls::tls::testing
