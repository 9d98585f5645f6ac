// The connection to a client: TCP, with or without TLS.
#pragma once

#include <openssl/ssl.h>

#include <asio.hpp>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace pgtls::front {

// Uses OpenSSL directly on the socket: with released buffers an idle TLS connection needs 20 kB, while
// asio::ssl::stream needs 70 kB. Used on one executor; one operation at a time, and Close() at any time. Operations do
// not throw.
class Transport {
 public:
  enum class HandshakeResult { kYes, kNo, kPlainHttp };

  explicit Transport(asio::ip::tcp::socket socket);
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  // Enables TLS; null: no TLS. REQUIRES: called first. The context is kept, so that connections survive a change of
  // certificates. Throws std::bad_alloc.
  void UseTls(std::shared_ptr<SSL_CTX> context);
  // kPlainHttp: the client sent HTTP without TLS to a TLS port; the response is sent without TLS.
  asio::awaitable<HandshakeResult> Handshake();
  // Returns the number of bytes read, at least one; 0 at the end or after an error.
  asio::awaitable<std::size_t> Read(std::span<char> buffer);
  // Returns the number of bytes written, at least one; 0 after an error. REQUIRES: the text is not empty.
  asio::awaitable<std::size_t> WriteSome(std::string_view text);
  // Closes the sending side properly, so that the client can distinguish it from a lost connection.
  void ShutdownSend();
  // Returns the number of bytes that the client's TCP has not acknowledged; 0 if unknown.
  int UnacknowledgedBytes();
  void Close();

  asio::any_io_executor executor() { return socket_.get_executor(); }
  // "192.0.2.7:51234", "[2001:db8::7]:51234"; an IPv4 client of an IPv6 listener as IPv4.
  const std::string& client() const { return client_; }

 private:
  // Waits as SSL_get_error() requires. False: the connection was closed, and the descriptor may have been reused.
  asio::awaitable<bool> WaitFor(int ssl_error);

  asio::ip::tcp::socket socket_;
  std::shared_ptr<SSL_CTX> context_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, &SSL_free};
  std::string client_;
};

// Returns an endpoint as text, such as "[2001:db8::7]:51234".
std::string ToText(const asio::ip::tcp::endpoint& endpoint);

}  // namespace pgtls::front
