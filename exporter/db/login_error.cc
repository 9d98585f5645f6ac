#include "exporter/db/login_error.h"

#include <algorithm>
#include <array>

#include "exporter/base/text.h"
#include "exporter/db/sqlstate.h"

namespace pgtls::db {
namespace {

using enum LoginProblem;

// libpq concatenates the texts of all attempts; each begins on a new line.
std::string_view LastAttempt(std::string_view message) {
  std::size_t begin = 0;
  for (const std::string_view start : {"\nconnection to server ", "\ncould not translate host name "}) {
    const std::size_t at = message.rfind(start);
    if (at != std::string_view::npos) begin = std::max(begin, at + 1);
  }
  return message.substr(begin);
}

// Names in a message are no evidence of the reason: a host may be called "password-db".
std::string WithoutQuoted(std::string_view message) {
  std::string text;
  bool quoted = false;
  for (const char c : message) {
    if (c == '"') {
      quoted = !quoted;
    } else if (!quoted) {
      text += c;
    }
  }
  return text;
}

// "LOCATION:  auth_failed, auth.c:330": the routine. Empty if there is none: the message is not PostgreSQL's but a
// pooler's.
std::string_view RoutineIn(std::string_view message) {
  constexpr std::string_view kStart = "\nLOCATION:  ";
  const std::size_t at = message.rfind(kStart);
  if (at == std::string_view::npos) return "";
  const std::string_view rest = message.substr(at + kStart.size());
  return rest.substr(0, rest.find_first_of(",\n"));
}

// PgBouncer's messages are never translated, and this one is of the console alone.
bool IsConsoleDenied(std::string_view message) { return message.find("08P01: not allowed") != std::string_view::npos; }

LoginProblem ProblemOfServer(std::string_view sqlstate, std::string_view routine) {
  const std::string_view category = sqlstate.substr(0, 2);
  if (sqlstate == "28P01") return kPasswordWrong;
  if (sqlstate == "3D000") return kDatabaseMissing;
  if (sqlstate == "57P03") return kNotReady;
  if (category == "57") return kShutDown;
  if (sqlstate == "53300") {
    if (routine == "InitializeSessionUserId") return kTooManyOfRole;
    return routine == "CheckMyDatabase" ? kTooManyOfDatabase : kTooManyConnections;
  }
  if (routine.empty()) return kPooler;
  if (category == "28") {
    if (routine == "ClientAuthentication") return kNotAdmitted;
    return routine == "InitializeSessionUserId" ? kRoleMissing : kMethodRefused;
  }
  if (sqlstate == "F0000" && routine == "ClientAuthentication") return kServerWithoutRoot;
  if (sqlstate == "42501") return kDatabaseDenied;
  if (sqlstate == "55000") return kDatabaseClosed;
  if (category == "42" || category == "22") return kParameter;
  return kServerError;
}

// libpq's own errors (fe-connect.c, fe-auth.c, fe-secure-openssl.c). The first entry decides of which all words are in
// the text.
struct Words {
  LoginProblem problem;
  std::array<std::string_view, 2> words;  // an empty one is in every text
};

LoginProblem ProblemInText(std::string_view text) {
  static constexpr Words kWords[] = {
      {kAuthenticationMethod, {"authentication method requirement"}},
      {kNotPostgres, {"expected authentication request"}},
      {kNotPostgres, {"invalid response to SSL negotiation"}},
      {kNotPostgres, {"unencrypted data after SSL response"}},
      {kErrorBeforeTls, {"error response during SSL exchange"}},
      {kNameNotResolved, {"could not translate host name"}},
      {kServerWithoutTls, {"does not support SSL"}},
      {kRootMissing, {"root certificate file", "does not exist"}},
      {kRootMissing, {"to locate root certificate"}},
      {kRootUnusable, {"root certificate"}},
      {kNotVerified, {"certificate verify failed"}},
      {kHostMismatch, {"does not match host name"}},
      {kHostMismatch, {"host name must be specified"}},
      {kHostMismatch, {"host name from server certificate"}},
      {kHostMismatch, {"certificate's name contains embedded null"}},
      {kHostMismatch, {"certificate contains IP address with invalid length"}},
      {kClientKeyMissing, {"but not private key file"}},
      {kClientKeyMismatch, {"certificate does not match private key"}},
      {kClientKeyMismatch, {"key values mismatch"}},
      {kClientKeyMode, {"private key file", "group or world access"}},
      {kClientKeyMode, {"private key file", "must be owned"}},
      {kClientKeyMode, {"private key file", "not a regular file"}},
      {kClientKeyPassphrase, {"private key file", "password"}},
      {kClientKeyPassphrase, {"private key file", "decrypt"}},
      {kClientKeyPassphrase, {"private key file", "interrupted or cancelled"}},
      {kClientKeyUnusable, {"private key"}},
      {kClientCertificateUnusable, {"certificate file"}},
      {kClientCaUnknown, {"alert unknown ca"}},
      {kClientCertificateRequired, {"alert certificate required"}},
      {kClientCertificateExpired, {"alert certificate expired"}},
      {kClientCertificateRevoked, {"alert certificate revoked"}},
      {kClientCertificateRefused, {"alert bad certificate"}},
      {kClientCertificateRefused, {"alert unsupported certificate"}},
      {kClientCertificateRefused, {"alert certificate unknown"}},
      {kClientCertificateRefused, {"alert decrypt error"}},
      {kClientCertificateNotExchanged, {"did not request an SSL certificate"}},
      {kClientCertificateNotExchanged, {"without a valid SSL certificate"}},
      {kTlsVersion, {"alert protocol version"}},
      {kTlsVersion, {"unsupported protocol"}},
      {kTlsVersion, {"no protocols available"}},
      {kTlsVersion, {"wrong ssl version"}},
      {kTlsVersion, {"SSL protocol version"}},  // refused by OpenSSL, or min above max
      {kTlsCipher, {"alert handshake failure"}},
      {kTlsCipher, {"no ciphers available"}},
      {kTlsTooWeak, {"key too small"}},
      {kTlsTooWeak, {"md too weak"}},
      {kTlsTooWeak, {"SSL error", "wrong signature type"}},
      {kTlsName, {"unrecognized name"}},
      {kGss, {"GSS"}},
      {kChannelBinding, {"channel binding"}},
      {kChannelBinding, {"could not find digest"}},
      {kChannelBinding, {"server certificate signature algorithm"}},
      {kPasswordMissing, {"no password supplied"}},
      {kAuthenticationMethod, {"authentication"}},
      {kTargetSession, {"session is"}},
      {kTargetSession, {"hot standby"}},
      {kRefused, {"Connection refused"}},
      {kSocketMissing, {"on socket", "No such file or directory"}},
      {kSocketDenied, {"on socket", "Permission denied"}},
      {kUnreachable, {"No route to host"}},
      {kUnreachable, {"is unreachable"}},
      {kUnreachable, {"Connection timed out"}},
      {kUnreachable, {"timeout expired"}},
      {kClosed, {"closed the connection"}},
      {kClosed, {"Connection reset by peer"}},
      {kClosed, {"EOF detected"}},
      {kTlsFailed, {"SSL"}},
      {kTlsFailed, {"TLS"}},
      {kTlsFailed, {"certificate"}},
      {kAuthenticationMethod, {"password"}},
      {kConninfo, {"invalid", "value"}},
      {kConninfo, {"weak sslmode"}},
      {kConninfo, {"invalid port number"}},
      {kConninfo, {"could not match"}},
  };
  for (const auto& [problem, words] : kWords) {
    if (std::ranges::all_of(words, [&](std::string_view word) { return text.find(word) != std::string_view::npos; }))
      return problem;
  }
  return kUnknown;
}

FailureReason ReasonOf(LoginProblem problem) {
  if (problem >= kServerWithoutTls && problem < kGss) return FailureReason::kTls;
  if (problem == kConsoleDenied) return FailureReason::kInsufficientPrivilege;
  if (problem >= kGss && problem < kPooler) return FailureReason::kAuthentication;
  return FailureReason::kConnection;
}

// One line, without the server's source locations.
std::string Readable(std::string text) {
  constexpr std::string_view kLocation = "\nLOCATION:";
  for (std::size_t at = text.find(kLocation); at != std::string::npos; at = text.find(kLocation, at)) {
    text.erase(at, text.find('\n', at + 1) - at);
  }
  return Printable(OneLine(text));
}

}  // namespace

std::string_view Describe(LoginProblem problem) {
  switch (problem) {
    case kUnknown:
      break;
    case kConninfo:
      return "libpq refuses a value of the conninfo";
    case kNameNotResolved:
      return "the host name does not resolve";
    case kRefused:
      return "nothing listens on that port";
    case kUnreachable:
      return "the host cannot be reached";
    case kSocketMissing:
      return "there is no such Unix socket";
    case kSocketDenied:
      return "the Unix socket may not be used";
    case kClosed:
      return "the server closed the connection";
    case kNotPostgres:
      return "what listens there does not speak PostgreSQL's protocol";
    case kErrorBeforeTls:
      return "the server answered the request for TLS with an error";
    case kTargetSession:
      return "no server matches target_session_attrs";
    case kServerWithoutTls:
      return "the server has no TLS, and sslmode requires it";
    case kRootMissing:
      return "there is no root certificate file";
    case kRootUnusable:
      return "the root certificate file cannot be used";
    case kNotVerified:
      return "the server's certificate is not verified by the root certificates";
    case kHostMismatch:
      return "the server's certificate is for another host name";
    case kClientCertificateUnusable:
      return "the client certificate file cannot be used";
    case kClientKeyMissing:
      return "the client certificate has no private key file";
    case kClientKeyMode:
      return "the client's private key file is open to others";
    case kClientKeyPassphrase:
      return "the client's private key needs another passphrase";
    case kClientKeyUnusable:
      return "the client's private key file cannot be used";
    case kClientKeyMismatch:
      return "the client's private key does not belong to its certificate";
    case kClientCaUnknown:
      return "the server does not know the CA of the client certificate";
    case kClientCertificateRequired:
      return "the server requires a client certificate";
    case kClientCertificateExpired:
      return "the client certificate has expired";
    case kClientCertificateRevoked:
      return "the client certificate is revoked";
    case kClientCertificateRefused:
      return "the server refuses the client certificate";
    case kClientCertificateNotExchanged:
      return "sslcertmode=require, and the server got no client certificate";
    case kTlsVersion:
      return "client and server have no TLS version in common";
    case kTlsCipher:
      return "client and server have no cipher suite in common";
    case kTlsTooWeak:
      return "this machine's OpenSSL rejects the server's key or signature as too weak";
    case kTlsName:
      return "the server has no certificate for the host name that was asked for";
    case kTlsFailed:
      return "the TLS handshake failed";
    case kGss:
      return "GSSAPI encryption or authentication failed";
    case kPasswordMissing:
      return "the server asks for a password, and none is configured";
    case kPasswordFile:
      return "the password file cannot be read";
    case kPasswordWrong:
      return "the server refuses user and password";
    case kChannelBinding:
      return "channel binding failed";
    case kAuthenticationMethod:
      return "the server asks for an authentication method that is not available here";
    case kNotAdmitted:
      return "pg_hba.conf does not admit this connection";
    case kMethodRefused:
      return "the authentication method refused the user";
    case kRoleMissing:
      return "the role does not exist, or may not log in";
    case kServerWithoutRoot:
      return "the server must check client certificates and has no ssl_ca_file";
    case kPooler:
      return "a pooler refused the login";
    case kConsoleDenied:
      return "the user may not use PgBouncer's console";
    case kDatabaseMissing:
      return "the database does not exist";
    case kDatabaseDenied:
      return "the role may not connect to the database";
    case kDatabaseClosed:
      return "the database accepts no connections";
    case kTooManyConnections:
      return "the server has no free connection slot";
    case kTooManyOfRole:
      return "the role has reached its CONNECTION LIMIT";
    case kTooManyOfDatabase:
      return "the database has reached its CONNECTION LIMIT";
    case kNotReady:
      return "the server is starting up, in recovery or shutting down";
    case kShutDown:
      return "the server ended the session";
    case kParameter:
      return "the server refuses an option of the conninfo";
    case kServerError:
      return "the server answered with an error";
    case kReloading:
      return "the server reloads its configuration continuously";
  }
  return "the connection failed";
}

LoginError ReadConnectError(std::string_view message, bool needs_password) {
  const std::string_view attempt = LastAttempt(message);
  std::string sqlstate = SqlstateInConnectError(attempt);
  LoginProblem problem = kUnknown;
  if (!sqlstate.empty()) {
    problem = ProblemOfServer(sqlstate, RoutineIn(attempt));
    if (problem == kPooler && IsConsoleDenied(attempt)) problem = kConsoleDenied;
  } else {
    problem = ProblemInText(WithoutQuoted(attempt));
    if (needs_password && problem != kNotPostgres) problem = kPasswordMissing;
  }
  const bool by_code = !sqlstate.empty() && problem != kConsoleDenied;
  const FailureReason reason = by_code ? ReasonForSqlstate(sqlstate) : ReasonOf(problem);
  return {problem, reason, std::move(sqlstate), Readable(std::string(message))};
}

}  // namespace pgtls::db
