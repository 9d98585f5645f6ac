// A client that speaks the start of PostgreSQL's protocol itself, for what libpq cannot do: bind a source address, stop
// at the password prompt, tell an error's routine.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace pgtls::support {

struct RawTls {
  int version = 0;          // TLS1_2_VERSION, TLS1_3_VERSION; 0: negotiated
  std::string certificate;  // PEM of a client certificate (chain) and its key; empty: none
  std::string key;
  bool direct = false;  // TLS without SSLRequest (17+)
};

struct RawOptions {
  std::string host = "127.0.0.1";  // an address, or a directory for a Unix socket
  int port = 5432;
  std::string source;  // the address to come from (any of 127.0.0.0/8, ::1); empty: the kernel's choice
  std::string user = "postgres";
  std::string database = "postgres";  // empty: the parameter is not sent
  std::string application_name;
  std::string replication;  // "true", "database"; empty: not sent
  bool tls = false;
  RawTls tls_options;
  std::string password;  // sent in answer to a cleartext request
  bool stop_at_authentication =
      false;  // leave an authentication request unanswered: the session stays in authentication
};

// One connection, blocking, each wait at most 30 s. The certificate of the server is not verified. Not thread-safe.
class RawClient {
 public:
  enum class State {
    kReady,                    // authenticated, idle
    kAuthenticationRequested,  // the server waits for a password, a SASL message …: see authentication()
    kRefused,                  // ErrorResponse: see error_*()
    kClosed,                   // the server closed the connection without an ErrorResponse
  };

  // Throws std::runtime_error if TCP or TLS itself fails (answer N to SSLRequest included).
  explicit RawClient(RawOptions options);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  State state() const { return state_; }
  // The code of the first authentication message: 0 ok (trust, cert, peer), 3 cleartext, 5 MD5, 7 GSS, 10 SASL; -1:
  // none came.
  int authentication() const { return authentication_; }
  // Fields of the ErrorResponse.
  const std::string& error_sqlstate() const { return error_sqlstate_; }
  const std::string& error_routine() const { return error_routine_; }
  const std::string& error_message() const { return error_message_; }
  // From BackendKeyData; 0 before.
  int pid() const { return pid_; }
  // Ends the connection with Terminate and waits until the server has closed its end.
  void Close();

 private:
  void Connect();
  void Negotiate();
  void Handshake();
  void Start();
  void Authenticate(const std::string& body);
  void ReadError(const std::string& body);
  void Write(const std::string& bytes);
  std::string Read(std::size_t size);  // shorter at the end of the connection

  RawOptions options_;
  int fd_ = -1;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_{nullptr, SSL_CTX_free};
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, SSL_free};
  State state_ = State::kClosed;
  int authentication_ = -1;
  int pid_ = 0;
  std::string error_sqlstate_, error_routine_, error_message_;
};

}  // namespace pgtls::support
