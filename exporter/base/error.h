// The kinds of failure that the exporter distinguishes. Each has the reason under which pg_tls_collector_failure_info
// reports it, so that no code has to infer the reason from a message.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace pgtls {

// The `reason` label of pg_tls_collector_failure_info.
enum class FailureReason { kInsufficientPrivilege, kAuthentication, kTls, kTimeout, kConnection, kError };

std::string_view ToString(FailureReason reason);

// A collection or a connection failed. what() is for the log: it may hold text from a server, never a password.
class Error : public std::runtime_error {
 public:
  Error(FailureReason reason, const std::string& message) : std::runtime_error(message), reason_(reason) {}
  FailureReason reason() const { return reason_; }

 private:
  FailureReason reason_;
};

// A wait reached its deadline.
class TimeoutError : public Error {
 public:
  explicit TimeoutError(const std::string& message) : Error(FailureReason::kTimeout, message) {}
};

// TLS itself failed: handshake, verification, a certificate that cannot be used.
class TlsError : public Error {
 public:
  explicit TlsError(const std::string& message) : Error(FailureReason::kTls, message) {}
};

// PostgreSQL answered with an error. sqlstate() has five characters, or is empty if libpq gave none (a lost
// connection).
class DbError : public Error {
 public:
  DbError(FailureReason reason, std::string sqlstate, const std::string& message)
      : Error(reason, message), sqlstate_(std::move(sqlstate)) {}
  const std::string& sqlstate() const { return sqlstate_; }

 private:
  std::string sqlstate_;
};

// Bad input from the operator: a file, an option, an environment variable. what() names the place and the remedy; for a
// file as "file:line:column: message" (line and column count from 1).
class ConfigError : public std::runtime_error {
 public:
  explicit ConfigError(const std::string& message) : std::runtime_error(message) {}
  ConfigError(const std::string& file, int line, int column, const std::string& message)
      : std::runtime_error(file + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " + message) {}
};

// A ConfigError that may go away without a change of the configuration: a file on a file system that is not mounted
// yet, a listen address that is not up, a port that is in use, a name that does not resolve. A restart of the service
// may help.
class UnavailableError : public ConfigError {
 public:
  using ConfigError::ConfigError;
};

}  // namespace pgtls
