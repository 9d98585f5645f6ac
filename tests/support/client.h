// A client through libpq.
#pragma once

#include <libpq-fe.h>

#include <optional>
#include <string>
#include <vector>

namespace pgtls::support {

// Rows of nullable texts.
using Rows = std::vector<std::vector<std::optional<std::string>>>;

// An open connection. Useful parts of a conninfo: sslmode=disable | require, ssl_max_protocol_version=TLSv1.2,
// ssl_min_protocol_version=TLSv1.3, sslcert=… sslkey=… (mode 0600), gssencmode=require, replication=true. Not
// thread-safe.
class Client {
 public:
  // Throws std::runtime_error with libpq's message if the connection fails. Takes at most 30 s.
  explicit Client(const std::string& conninfo);
  ~Client();
  Client(Client&& other) noexcept;
  Client& operator=(Client&&) = delete;

  // libpq's message where such a connection fails, nullopt if it succeeds.
  static std::optional<std::string> WhyNot(const std::string& conninfo);

  // Throws std::runtime_error with the server's message if the statement fails.
  Rows Query(const std::string& sql);
  // Returns the single value of a query; NULL as "".
  std::string Value(const std::string& sql);
  // Sends a statement and returns at once: the session is then busy with it.
  void Send(const std::string& sql);

  int pid() const { return PQbackendPID(connection_); }
  PGconn* get() const { return connection_; }

  // Closes the connection and waits until the server's process has ended, so that no view shows the session. The
  // destructor closes it without waiting.
  void Close();

 private:
  PGconn* connection_;
};

}  // namespace pgtls::support
