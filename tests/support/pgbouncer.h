// Throwaway PgBouncers: Debian's, in front of a throwaway server.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/support/postgres_server.h"
#include "tests/support/process.h"

namespace pgtls::support {

struct PgBouncerOptions {
  std::string pool_mode = "session";
  int pool_size = 5;
  std::vector<std::string> settings;  // lines for [pgbouncer]; the last one of a name counts
};

// Admits tls_exporter, postgres and app without a password, over TCP; its connections to the server are not encrypted.
// Ended by the destructor. Throws std::runtime_error with its log if it does not start.
class PgBouncer {
 public:
  PgBouncer(const PostgresServer& server, const PgBouncerOptions& options);

  int port() const { return port_; }
  // "host=127.0.0.1 port=… dbname=postgres sslmode=disable " and `more`, whose settings take precedence.
  std::string Conninfo(const std::string& more) const;
  // A command of its console: "RECONNECT", "PAUSE".
  void Command(const std::string& command) const;
  void Restart();
  std::string Log() const { return process_->Err(); }

 private:
  void Start();

  TempDir files_;
  int port_;
  std::unique_ptr<Process> process_;
};

}  // namespace pgtls::support
