// Throwaway PgBouncers in front of a throwaway server.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/support/postgres_server.h"
#include "tests/support/process.h"

namespace pgtls::support {

// The releases that tests run: those of Debian 12, 13 and sid.
enum class PgBouncerRelease { k1_18, k1_24, k1_26 };

struct PgBouncerOptions {
  PgBouncerRelease release = PgBouncerRelease::k1_18;
  std::string pool_mode = "session";
  int pool_size = 5;
  int port = 0;                       // 0: a free one
  std::vector<std::string> settings;  // lines for [pgbouncer]; the last one of a name counts
};

// Admits tls_exporter, postgres and app without a password, over TCP and over a Unix socket; its connections to the
// server are not encrypted. tls_exporter may look at the console (stats_users), postgres may do everything there.
// Ended by the destructor. Throws std::runtime_error with its log if it does not start.
class PgBouncer {
 public:
  PgBouncer(const PostgresServer& server, const PgBouncerOptions& options);

  int port() const { return port_; }
  // Where its Unix socket is, and files for its settings can be put.
  const std::string& directory() const { return files_.path(); }
  // Writes a file that PgBouncer can read, and returns its path.
  std::string WriteFile(const std::string& name, const std::string& content) const;
  // "host=127.0.0.1 port=… dbname=postgres sslmode=disable " and `more`, whose settings take precedence.
  std::string Conninfo(const std::string& more) const;
  // The console, for the exporter's user: over TCP, or over the Unix socket.
  std::string ConsoleConninfo(const std::string& more = "") const;
  std::string SocketConsoleConninfo() const;
  // Puts lines behind the others of [pgbouncer], and reloads.
  void Configure(const std::vector<std::string>& settings);
  // A command of its console: "RECONNECT", "PAUSE".
  void Command(const std::string& command) const;
  // Sets the lines of [peers], and reloads.
  void SetPeers(const std::vector<std::string>& lines);
  void Stop();
  void Start();  // again
  void Restart();
  void Signal(int number) const { process_->Signal(number); }
  std::string Log() const { return process_->Err(); }

 private:
  void WriteConfig() const;

  const int server_port_;
  PgBouncerOptions options_;
  std::vector<std::string> peers_;
  TempDir files_;
  int port_;
  std::unique_ptr<Process> process_;
};

}  // namespace pgtls::support
