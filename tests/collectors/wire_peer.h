// A PostgreSQL on loopback as far as the wire shows one without logging in, on a thread of its own.
#pragma once

#include <atomic>
#include <limits>
#include <string>
#include <thread>

#include "exporter/tls/negotiation.h"
#include "tests/exporter/tls/scripted_peer.h"

namespace pgtls::collectors {

using std::string_literals::operator""s;

// PostgreSQL's request for a password over TLS, and its refusal.
const std::string kSasl = "R\0\0\0\x2a\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"s;
const std::string kRefused = "E\0\0\0\x33SFATAL\0C28000\0Mno entry\0RClientAuthentication\0\0"s;

class WirePeer {
 public:
  struct Behaviour {
    std::atomic<char> ssl_answer = 'S';                              // 0: none, and silence
    std::atomic<int> ssl_answers = std::numeric_limits<int>::max();  // after these it is silent
    std::string gss_answer = "N";
    std::string plaintext_answer = kRefused;  // to a StartupMessage; empty: hang up
    std::string tls_answer = kSasl;           // empty: silence
    std::string admits;                       // a StartupMessage with this in it is answered as over TLS; empty: none
    std::atomic<int> handshakes = std::numeric_limits<int>::max();  // after these it hangs up in the next
    std::atomic<bool> silent_to_direct_tls = false;                 // else it hangs up
  };

  explicit WirePeer(const support::Certificate& certificate)
      : context_(tls::testing::ServerContext(certificate)),
        peer_(loop_, [this](tls::testing::Socket& socket) { return Serve(socket); }) {
    SSL_CTX_set_alpn_select_cb(context_.native_handle(), SelectAlpn, nullptr);
    SSL_CTX_set_min_proto_version(context_.native_handle(), TLS1_2_VERSION);
    SSL_CTX_set1_groups_list(context_.native_handle(), "X25519:P-256");
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~WirePeer() {
    loop_.stop();
    thread_.join();
  }

  int port() const { return peer_.endpoint().port(); }
  int connections() const { return connections_; }

  Behaviour behaviour;  // what is no atomic: before the first connection
  SSL_CTX* context() { return context_.native_handle(); }

 private:
  using Socket = tls::testing::Socket;
  using Stream = asio::ssl::stream<Socket&>;

  static int SelectAlpn(SSL*, const unsigned char** out, unsigned char* length, const unsigned char* in, unsigned size,
                        void*) {
    unsigned char* selected = nullptr;
    const auto* const ours = reinterpret_cast<const unsigned char*>(tls::kAlpnWire.data());
    const int found = SSL_select_next_proto(&selected, length, ours, tls::kAlpnWire.size(), in, size);
    *out = selected;
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
  }

  asio::awaitable<void> Serve(Socket& socket) {
    ++connections_;
    std::string head = co_await tls::testing::Receive(socket, 1);
    if (head == "\x16") {  // direct TLS: not served here
      if (behaviour.silent_to_direct_tls) co_await tls::testing::ReceiveAll(socket);
      co_return;
    }
    head += co_await tls::testing::Receive(socket, 7);
    if (head == tls::GssEncRequest()) {
      co_await tls::testing::Send(socket, behaviour.gss_answer);
    } else if (head == tls::SslRequest()) {
      const char answer = behaviour.ssl_answers-- > 0 ? behaviour.ssl_answer.load() : '\0';
      if (answer != 0) co_await tls::testing::Send(socket, std::string(1, answer));
      if (answer == 'S') co_await ServeTls(socket);
    } else {
      const std::string message = co_await tls::testing::Receive(socket, LengthOf(head) - head.size());
      const bool admitted = !behaviour.admits.empty() && message.find(behaviour.admits) != std::string::npos;
      const std::string answer = admitted ? behaviour.tls_answer : behaviour.plaintext_answer;
      if (answer.empty()) co_return;
      co_await tls::testing::Send(socket, answer);
    }
    co_await tls::testing::ReceiveAll(socket);
  }

  static std::size_t LengthOf(const std::string& message) {
    std::size_t length = 0;
    for (const char byte : message.substr(0, 4)) length = length << 8 | static_cast<unsigned char>(byte);
    return length;
  }

  asio::awaitable<void> ServeTls(Socket& socket) {
    if (behaviour.handshakes-- <= 0) {
      socket.close();
      co_return;
    }
    Stream stream(socket, context_);
    co_await stream.async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
    char byte = 0;
    co_await stream.async_read_some(asio::buffer(&byte, 1), asio::use_awaitable);
    co_await asio::async_write(stream, asio::buffer(behaviour.tls_answer), asio::use_awaitable);
    co_await stream.async_read_some(asio::buffer(&byte, 1), asio::use_awaitable);
  }

  asio::io_context loop_;
  asio::ssl::context context_;
  tls::testing::Peer peer_;
  std::atomic<int> connections_ = 0;
  std::thread thread_;
};

}  // namespace pgtls::collectors
