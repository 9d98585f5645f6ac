// Why a login failed, as exactly as libpq and the server report it: by SQLSTATE and the routine that raised the error
// (never by the server's message, which is translated), else by libpq's own English text.
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
  kClientCertificateNotExchanged,
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
  kConsoleDenied,
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
  kReloading,  // not read from a text: the session lane sets it
};
inline constexpr int kLoginProblems = static_cast<int>(LoginProblem::kReloading) + 1;

// Returns a text to put after "could not log in: ", such as "the server has no TLS".
std::string_view Describe(LoginProblem problem);

// A connection attempt failed.
class LoginError : public DbError {
 public:
  LoginError(LoginProblem problem, FailureReason reason, std::string sqlstate, const std::string& message)
      : DbError(reason, std::move(sqlstate), message), problem_(problem) {}
  LoginProblem problem() const { return problem_; }

 private:
  LoginProblem problem_;
};

// Reads libpq's text about a failed connection attempt, at PQERRORS_VERBOSE. Of several attempts (hosts, the second one
// of sslmode=prefer) the last decides. Text from a server can only select a value. `needs_password`: the result of
// PQconnectionNeedsPassword().
LoginError ReadConnectError(std::string_view message, bool needs_password);

}  // namespace pgtls::db
