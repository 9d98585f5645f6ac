#include "exporter/db/login_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace pgtls::db {
namespace {

using testing::HasSubstr;
using testing::Not;
using enum LoginProblem;

constexpr const char* kPrefix = "connection to server at \"db\" (10.0.0.1), port 5432 failed: ";

std::string_view Problem(const std::string& message, bool needs_password = false) {
  return Describe(ReadConnectError(kPrefix + message, needs_password).problem());
}

FailureReason Reason(const std::string& message, bool needs_password = false) {
  return ReadConnectError(kPrefix + message, needs_password).reason();
}

TEST(LoginErrorTest, ReasonsOfLibpqsOwnErrors) {
  EXPECT_EQ(Reason("Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?"),
            FailureReason::kConnection);
  EXPECT_EQ(Reason("server closed the connection unexpectedly"), FailureReason::kConnection);
  EXPECT_EQ(Reason("expected authentication request from server, but received H"), FailureReason::kConnection);
  EXPECT_EQ(ReadConnectError("could not translate host name \"db\" to address: Name not known", false).reason(),
            FailureReason::kConnection);
  EXPECT_EQ(Reason("server does not support SSL, but SSL was required"), FailureReason::kTls);
  EXPECT_EQ(Reason("SSL error: certificate verify failed"), FailureReason::kTls);
  EXPECT_EQ(Reason("root certificate file \"/ca.crt\" does not exist"), FailureReason::kTls);
  EXPECT_EQ(Reason("server certificate for \"x\" does not match host name \"y\""), FailureReason::kTls);
  EXPECT_EQ(Reason("private key file \"/k\" has group or world access; …"), FailureReason::kTls);
  EXPECT_EQ(Reason("fe_sendauth: no password supplied"), FailureReason::kAuthentication);
  EXPECT_EQ(Reason("anything", true), FailureReason::kAuthentication);
  EXPECT_EQ(Reason("authentication method 13 not supported"), FailureReason::kAuthentication);
}

// As libpq 15 to 18 write them, where no test causes them for real.
TEST(LoginErrorTest, ProblemsOfLibpqsOwnErrors) {
  const std::pair<const char*, LoginProblem> cases[] = {
      {"SSL error: tlsv1 alert unknown ca", kClientCaUnknown},
      {"SSL error: tlsv13 alert certificate required", kClientCertificateRequired},
      {"SSL error: sslv3 alert certificate expired", kClientCertificateExpired},
      {"SSL error: sslv3 alert certificate revoked", kClientCertificateRevoked},
      {"SSL error: sslv3 alert bad certificate", kClientCertificateRefused},
      {"server did not request an SSL certificate", kClientCertificateNotExchanged},
      {"server accepted connection without a valid SSL certificate", kClientCertificateNotExchanged},
      {"authentication method requirement \"scram-sha-256\" failed: server requested GSSAPI authentication",
       kAuthenticationMethod},
      {"weak sslmode \"require\" may not be used with sslrootcert=system (use \"verify-full\")", kConninfo},
      {"SSL error: tlsv1 alert protocol version", kTlsVersion},
      {"SSL error: unsupported protocol", kTlsVersion},
      {"SSL error: sslv3 alert handshake failure", kTlsCipher},
      {"SSL error: ee key too small", kTlsTooWeak},
      {"SSL error: dh key too small", kTlsTooWeak},
      {"SSL error: tlsv1 unrecognized name", kTlsName},
      {"SSL error: wrong version number", kTlsFailed},
      {"SSL SYSCALL error: EOF detected", kClosed},
      {"received invalid response to SSL negotiation: H", kNotPostgres},
      {"server sent an error response during SSL exchange", kErrorBeforeTls},
      {"GSSAPI encryption required but was impossible (…)", kGss},
      {"could not find digest for NID UNDEF", kChannelBinding},
      {"channel binding required, but SSL not in use", kChannelBinding},
      {"authentication method 13 not supported", kAuthenticationMethod},
      {"No route to host\n\tIs the server running …", kUnreachable},
      {"timeout expired", kUnreachable},
      {"server is in hot standby mode", kTargetSession},
      {"could not get home directory to locate root certificate file", kRootMissing},
      {"server certificate for \"a\" (and 2 other names) does not match host name \"b\"", kHostMismatch},
      {"host name must be specified for a verified SSL connection", kHostMismatch},
      {"what nobody has seen yet", kUnknown},
  };
  for (const auto& [message, problem] : cases) EXPECT_EQ(Problem(message), Describe(problem)) << message;
  EXPECT_EQ(Problem("anything", true), Describe(kPasswordMissing));
}

std::string ServerError(const std::string& sqlstate, const std::string& routine) {
  return "FATAL:  " + sqlstate + ": \xd0\xb1\xd1\x83\nDETAIL:  x\nLOCATION:  " + routine + ", auth.c:1\n";
}

// Whatever the language: by SQLSTATE and routine.
TEST(LoginErrorTest, ProblemsOfTheServer) {
  const std::tuple<const char*, const char*, LoginProblem> cases[] = {
      {"28P01", "auth_failed", kPasswordWrong},
      {"28000", "auth_failed", kMethodRefused},
      {"28000", "ClientAuthentication", kNotAdmitted},
      {"28000", "InitializeSessionUserId", kRoleMissing},
      {"F0000", "ClientAuthentication", kServerWithoutRoot},
      {"3D000", "InitPostgres", kDatabaseMissing},
      {"42501", "CheckMyDatabase", kDatabaseDenied},
      {"55000", "CheckMyDatabase", kDatabaseClosed},
      {"53300", "ProcessStartupPacket", kTooManyConnections},
      {"53300", "InitProcess", kTooManyConnections},
      {"53300", "InitializeSessionUserId", kTooManyOfRole},
      {"53300", "CheckMyDatabase", kTooManyOfDatabase},
      {"57P03", "ProcessStartupPacket", kNotReady},
      {"57P01", "ProcessInterrupts", kShutDown},
      {"42704", "find_option", kParameter},
      {"22023", "parse_and_validate_value", kParameter},
      {"53200", "palloc", kServerError},
      {"XX000", "elog_start", kServerError},
  };
  for (const auto& [sqlstate, routine, problem] : cases) {
    const LoginError error = ReadConnectError(kPrefix + ServerError(sqlstate, routine), false);
    EXPECT_EQ(Describe(error.problem()), Describe(problem)) << sqlstate << " " << routine;
    EXPECT_EQ(error.sqlstate(), sqlstate);
    EXPECT_THAT(error.what(), Not(HasSubstr("LOCATION")));
  }
}

// PgBouncer's errors have no source line.
TEST(LoginErrorTest, APoolersErrorIsNoPostgresql) {
  EXPECT_EQ(Problem("FATAL:  08P01: no such database: x\n"), Describe(kPooler));
  EXPECT_EQ(Problem("FATAL:  28000: SSL required\n"), Describe(kPooler));
  EXPECT_EQ(Problem("FATAL:  28P01: password authentication failed\n"), Describe(kPasswordWrong));
}

TEST(LoginErrorTest, TheLastAttemptDecides) {
  const std::string refused = std::string(kPrefix) + ServerError("28000", "ClientAuthentication");
  EXPECT_EQ(ReadConnectError(refused + kPrefix + "SSL error: certificate verify failed\n", false).problem(),
            kNotVerified);
  EXPECT_EQ(ReadConnectError(refused + "could not translate host name \"b\" to address: x\n", false).problem(),
            kNameNotResolved);
  EXPECT_EQ(ReadConnectError(kPrefix + std::string("SSL error: x\n") + refused, false).problem(), kNotAdmitted);
}

TEST(LoginErrorTest, TheServersCodeWins) {
  EXPECT_EQ(Reason("FATAL:  53300: SSL password", true), FailureReason::kConnection);
  EXPECT_EQ(Reason("FATAL:  42501: permission denied"), FailureReason::kInsufficientPrivilege);
}

// Names are the operator's choice.
TEST(LoginErrorTest, NamesSayNothing) {
  const LoginError error = ReadConnectError(
      "connection to server at \"password-SSL-db\" (10.0.0.1), port 5432 failed: Connection refused", false);
  EXPECT_EQ(error.reason(), FailureReason::kConnection);
  EXPECT_EQ(error.problem(), kRefused);
}

TEST(LoginErrorTest, EachProblemHasItsOwnWords) {
  std::set<std::string_view> words;
  for (int i = 0; i < kLoginProblems; ++i) {
    EXPECT_TRUE(words.insert(Describe(static_cast<LoginProblem>(i))).second) << i;
  }
}

TEST(LoginErrorTest, TheMessageIsOneLine) {
  const LoginError error = ReadConnectError("a\n\tb\x1b\n", false);
  EXPECT_THAT(error.what(), HasSubstr("a; b"));
  EXPECT_THAT(error.what(), Not(HasSubstr("\n")));
  EXPECT_THAT(error.what(), Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace pgtls::db
