// Throwaway PostgreSQL servers: real ones, 14 to 19, each with its own directory and port.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/certificates.h"
#include "tests/support/client.h"
#include "tests/support/process.h"

namespace pgtls::support {

// The major version for this run of a _pgtest: PGTLS_TEST_MAJOR, which ctest sets; 15 by default.
int TestMajor();

struct ServerTls {
  Certificate server;     // its chain and key become server.crt and server.key
  std::string client_ca;  // PEM, becomes root.crt; empty: no ssl_ca_file
  std::string crl;        // PEM, becomes root.crl; empty: no ssl_crl_file
};

struct PostgresOptions {
  int major = TestMajor();
  // The whole of pg_hba.conf. Administration (Query, Execute, RunSqlFile) needs a line such as "local all postgres
  // trust".
  std::string hba =
      "local all,replication all trust\n"
      "host all,replication all 127.0.0.0/8 trust\n"
      "host all,replication all ::1/128 trust\n";
  std::vector<std::string> settings;               // lines for postgresql.conf; the last one of a name counts
  std::optional<ServerTls> tls;                    // with it, ssl = on
  bool sql_ascii = false;                          // a SQL_ASCII cluster instead of UTF8
  std::string listen_addresses = "127.0.0.1,::1";  // "*" to serve all of 127.0.0.0/8
  std::map<std::string, std::string> environment;  // of the postmaster
};

// Started by the constructor, and removed with its data by the destructor, or when the test's process ends in any way.
// Errors throw std::runtime_error with the end of the server's log. Not thread-safe.
class PostgresServer {
 public:
  explicit PostgresServer(PostgresOptions options = {});
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  int major() const { return options_.major; }
  // Built by Debian: with GSS, LDAP and psql. The others have none of them.
  bool is_debian() const { return bin_.contains("/usr/lib/postgresql/"); }
  int port() const { return port_; }
  // Where its programs are.
  const std::string& bin_dir() const { return bin_; }
  const std::string& data_dir() const { return data_; }
  const std::string& socket_dir() const { return dir_; }

  // "host=127.0.0.1 port=… dbname=postgres user=postgres " and `more`, whose settings win.
  std::string Conninfo(const std::string& more = "") const;
  // The same over the Unix socket.
  std::string SocketConninfo(const std::string& more = "") const;

  // Runs as the superuser, over the Unix socket, on a connection that no view shows any more when this returns.
  Rows Query(const std::string& sql) const;
  void Execute(const std::string& sql) const { Query(sql); }
  void RunSqlFile(const std::string& path, const std::string& database = "postgres") const;

  // Files in the data directory, owned by the server's user. In force after Reload().
  void WriteDataFile(const std::string& name, const std::string& content, mode_t mode = 0600) const;
  void SetHba(const std::string& text) { WriteDataFile("pg_hba.conf", text); }
  // Adds a line to postgresql.conf.
  void Set(const std::string& line);
  void SetTls(const ServerTls& tls);

  // Returns when the postmaster has read everything again (or refused it): connections made from now on see it.
  void Reload();

  void Start();  // after Stop or Kill: same port, same data
  void Stop();   // fast shutdown
  void Kill();   // SIGKILL to the postmaster and all its processes at once
  void Restart() { Stop(), Start(); }
  void Pause()
      const;  // SIGSTOP to the postmaster and all its processes: the port accepts connections and does not answer
  void Resume() const;  // SIGCONT

  pid_t postmaster() const { return process_->pid(); }
  // The postmaster and all its processes.
  std::vector<pid_t> Processes() const;

  // Returns the server's log from `offset` on: LogSize() before and Log(offset) after show what happened in between.
  std::string Log(std::size_t offset = 0) const;
  std::size_t LogSize() const { return Log().size(); }
  // Waits until the log from `offset` on contains `text`.
  bool WaitForLog(const std::string& text, std::size_t offset = 0) const;

 private:
  // A file written within one tick of the kernel's clock before a load cannot be distinguished from one written after
  // it.
  void LetATickPass() const;
  void Launch();
  bool Ready() const;
  void StopPostmaster() const;
  void WriteConfiguration();
  [[noreturn]] void Fail(const std::string& what) const;

  PostgresOptions options_;
  std::string bin_;
  std::string dir_;
  std::string data_;
  int port_ = 0;
  int guardian_pipe_ = -1;  // the guardian cleans up when this closes
  pid_t guardian_ = -1;
  mutable std::chrono::steady_clock::time_point written_;  // the last file
  std::unique_ptr<Process> process_;
};

}  // namespace pgtls::support
