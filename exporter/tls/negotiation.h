// The first bytes of a PostgreSQL connection, as objects that do no I/O: the requests that may open one, and what the
// server's answer proves. Source: PostgreSQL's "Message Formats" and "Message Flow", postmaster.c
// (ProcessStartupPacket), auth.c (ClientAuthentication, auth_failed).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgtls::tls {

// Eight bytes each. Send one alone: a server of 17 and later hands extra bytes to OpenSSL.
std::string SslRequest();
std::string GssEncRequest();

// ALPN of a connection that begins with TLS at once (17 and later), as RFC 7301 puts it on the wire: length,
// "postgresql".
inline constexpr std::string_view kAlpnWire = "\x0apostgresql";
inline constexpr std::string_view kAlpn = "postgresql";

// The answer to SSLRequest or GSSENCRequest is one byte, and no more than that byte may be read before TLS begins
// (CVE-2021-23222). E begins an ErrorMessage whose text is not authenticated: it is not read at all.
enum class Answer {
  kYes,    // S, or G for GSSAPI
  kNo,     // N
  kError,  // E
  kNone    // anything else, or the connection ended
};
Answer SslAnswer(std::optional<char> byte);
Answer GssAnswer(std::optional<char> byte);

// Protocol 3.0, no password. REQUIRES: no null bytes.
std::string StartupMessage(std::string_view user, std::string_view database);
// For after AuthenticationOk only: sent before it, the server logs a FATAL.
std::string Terminate();

// What an answer to a StartupMessage proves about pg_hba.conf.
enum class Admission {
  kAdmitted,    // an authentication request or AuthenticationOk: admitted
  kAuthFailed,  // admitted, and then refused by the method itself without asking anything (ident, peer)
  kRefused,     // refused by pg_hba, or by a PgBouncer that requires TLS
  kError,       // another error: too many connections, starting up, an error of a pooler …
  kLost         // the connection ended, or the bytes are not PostgreSQL's protocol
};

// The authentication request for SASL.
inline constexpr std::uint32_t kSaslRequest = 10;

// Reads the server's messages after a StartupMessage, in pieces of any size. An error of PostgreSQL is judged by its
// SQLSTATE and routine alone: its text is translated.
class StartupReader {
 public:
  enum class State {
    kReading,   // more bytes are needed
    kLoggedIn,  // AuthenticationOk arrived: read on to kReady, for the pid, or send Terminate
    kReady,     // logged in, and the server waits for a command: send Terminate
    kDone       // judged; close without sending anything
  };

  // Consumes bytes; nothing after kReady or kDone.
  State Feed(std::string_view bytes);
  // The connection ended.
  State End();

  State state() const { return state_; }
  // REQUIRES: state is not kReading.
  Admission admission() const { return admission_; }
  // The code of the first authentication request, 0 for AuthenticationOk.
  std::optional<std::uint32_t> request() const { return request_; }
  // The mechanisms of a SASL request, as the server names them. Empty for other requests.
  const std::vector<std::string>& mechanisms() const { return mechanisms_; }
  // The pid of this backend, once BackendKeyData has arrived.
  std::optional<int> backend_pid() const { return backend_pid_; }

 private:
  // Messages here are small; a longer one is not PostgreSQL.
  static constexpr std::size_t kMaxMessage = 30000;

  void Message(char type, std::string_view body);
  void Finish(Admission admission);

  State state_ = State::kReading;
  Admission admission_ = Admission::kLost;
  std::optional<std::uint32_t> request_;
  std::vector<std::string> mechanisms_;
  std::optional<int> backend_pid_;
  std::string buffer_;
};

}  // namespace pgtls::tls
