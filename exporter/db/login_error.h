// Why a login failed, as typed as libpq and the server allow: SQLSTATE and the routine that raised the error (never the
// server's message, which is translated), else libpq's own English text.
#pragma once

#include <string>
#include <string_view>

#include "exporter/base/error.h"

namespace pgtls::db {

enum class LoginProblem {
  kUnknown,
  // No connection.
  kConninfo,
  kNameNotResolved,
  kRefused,
  kUnreachable,
  kSocketMissing,
  kSocketDenied,
  kClosed,
  kNotPostgres,
  kErrorBeforeTls,
  kTargetSession,
  // TLS.
  kServerWithoutTls,
  kRootMissing,
  kRootUnusable,
  kNotVerified,
  kHostMismatch,
  kClientCertificateUnusable,
  kClientKeyMissing,
  kClientKeyMode,
  kClientKeyPassphrase,
  kClientKeyUnusable,
  kClientKeyMismatch,
  kClientCaUnknown,
  kClientCertificateRequired,
  kClientCertificateExpired,
  kClientCertificateRevoked,
  kClientCertificateRefused,
  kTlsVersion,
  kTlsCipher,
  kTlsTooWeak,
  kTlsName,
  kTlsFailed,
  kGss,
  // Authentication.
  kPasswordMissing,
  kPasswordFile,
  kPasswordWrong,
  kChannelBinding,
  kAuthenticationMethod,
  kNotAdmitted,
  kMethodRefused,
  kRoleMissing,
  kServerWithoutRoot,
  kPooler,
  // The server, after authentication.
  kDatabaseMissing,
  kDatabaseDenied,
  kDatabaseClosed,
  kTooManyConnections,
  kTooManyOfRole,
  kTooManyOfDatabase,
  kNotReady,
  kShutDown,
  kParameter,
  kServerError,
  kReloading,  // not found in a text: the session lane says so
};
inline constexpr int kLoginProblems = static_cast<int>(LoginProblem::kReloading) + 1;

// Fits behind "could not log in: "; "the server has no TLS".
std::string_view Describe(LoginProblem problem);

// A failed connect.
class LoginError : public DbError {
 public:
  LoginError(LoginProblem problem, FailureReason reason, std::string sqlstate, const std::string& message)
      : DbError(reason, std::move(sqlstate), message), problem_(problem) {}
  LoginProblem problem() const { return problem_; }

 private:
  LoginProblem problem_;
};

// From libpq's text about a failed connect, at PQERRORS_VERBOSE. Of several attempts (hosts, prefer's second try) the
// last decides. Bounded by the text; server text cannot do more than choose a value. `needs_password`:
// PQconnectionNeedsPassword().
LoginError ReadConnectError(std::string_view message, bool needs_password);

}  // namespace pgtls::db
