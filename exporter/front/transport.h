// The client's end of a connection: plain TCP, or TLS over it.
#pragma once

#include <openssl/ssl.h>

#include <asio.hpp>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace pgtls::front {

// OpenSSL directly on the socket: with released buffers an idle TLS connection costs 20 kB, where asio::ssl::stream
// keeps 70 kB for each. Used on one executor; one operation at a time, and Close() at any time. No operation throws.
class Transport {
 public:
  enum class Handshaken { kYes, kNo, kPlainHttp };

  explicit Transport(asio::ip::tcp::socket socket);
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  // Before anything else; null: the connection stays plain. Kept, so that connections outlive a change of certificates.
  // Throws std::bad_alloc.
  void UseTls(std::shared_ptr<SSL_CTX> context);
  // kPlainHttp: the client speaks HTTP without TLS to a TLS port; what is written next goes out plain.
  asio::awaitable<Handshaken> Handshake();
  // Bytes read, at least one; 0: the end, or an error.
  asio::awaitable<std::size_t> Read(std::span<char> buffer);
  // Bytes written, at least one, of a text that is not empty; 0: an error.
  asio::awaitable<std::size_t> WriteSome(std::string_view text);
  // Ends the sending side: the client sees an end that was meant.
  void ShutdownSend();
  // Written, but not acknowledged by the client's TCP; 0 where that is not known.
  int UnacknowledgedBytes();
  void Close();

  asio::any_io_executor executor() { return socket_.get_executor(); }
  // "192.0.2.7:51234", "[2001:db8::7]:51234"; an IPv4 client of an IPv6 listener as IPv4.
  const std::string& client() const { return client_; }

 private:
  // Waits for what SSL_get_error asked for. False: the connection is over; the descriptor may be someone else's by now.
  asio::awaitable<bool> WaitFor(int ssl_error);

  asio::ip::tcp::socket socket_;
  std::shared_ptr<SSL_CTX> context_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, &SSL_free};
  std::string client_;
};

// "[2001:db8::7]:51234" of an endpoint.
std::string ToText(const asio::ip::tcp::endpoint& endpoint);

}  // namespace pgtls::front
