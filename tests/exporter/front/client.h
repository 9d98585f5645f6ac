// A client for the tests: sends exactly the bytes that it is told to.
#pragma once

#include <openssl/ssl.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace pgtls::front {

struct Answer {
  int status = 0;  // 0: the connection ended without one
  std::string head;
  std::map<std::string, std::string, std::less<>> headers;  // names in lower case
  std::string body;                                         // without chunks' frames
};

// Blocking, each wait at most 20 s: then it ends as if the peer had closed.
class Client {
 public:
  // "127.0.0.1:1234" or "[::1]:1234". `from`: the local IPv4 address, where it matters. `receive_buffer`: SO_RCVBUF, 0
  // as it comes.
  explicit Client(const std::string& address, const std::string& from = "", int receive_buffer = 0);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool connected() const { return connected_; }
  // TLS from here on. False where the handshake fails.
  bool StartTls(SSL_CTX* context);
  bool Send(std::string_view bytes);
  void HalfClose();
  // One response; `head_only` where it answers a HEAD request.
  Answer ReadAnswer(bool head_only = false);
  // Everything up to the end, or nullopt if that did not come in time.
  std::optional<std::string> ReadToEnd();
  SSL* ssl() { return ssl_.get(); }
  int descriptor() const { return descriptor_; }

 private:
  // At least one byte more in buffer_; false: the end.
  bool Fill();
  int descriptor_ = -1;
  bool connected_ = false;
  bool timed_out_ = false;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, &SSL_free};
  std::string buffer_;
};

// One GET on a connection of its own. `extra`: header lines, each with its CRLF.
Answer Get(const std::string& address, const std::string& target, const std::string& extra = "");

}  // namespace pgtls::front
