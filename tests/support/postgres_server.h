// Throwaway PostgreSQL servers: real ones, 14 to 19, each in a directory of its own on a port of its own.
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

// The major version that this run of a _pgtest is about: PGTLS_TEST_MAJOR, which ctest sets; 15 without it.
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

// Started by the constructor, gone after the destructor; and gone, data and all, when the test's process dies in any
// way. Not thread-safe. What goes wrong throws std::runtime_error with the end of the server's log.
class PostgresServer {
 public:
  explicit PostgresServer(PostgresOptions options = {});
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  int major() const { return options_.major; }
  // Built by Debian: with GSS, LDAP and psql. The others have none of them.
  bool is_debian() const { return options_.major == 15 || options_.major == 19; }
  int port() const { return port_; }
  // Where its programs are.
  const std::string& bin_dir() const { return bin_; }
  const std::string& data_dir() const { return data_; }
  const std::string& socket_dir() const { return dir_; }

  // "host=127.0.0.1 port=… dbname=postgres user=postgres " and `more`, whose settings win.
  std::string Conninfo(const std::string& more = "") const;
  // The same over the Unix socket.
  std::string SocketConninfo(const std::string& more = "") const;

  // As the superuser, over the Unix socket, on a connection that is gone from every view when this returns.
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
      const;  // SIGSTOP to the postmaster and all its processes: connections hang, the port accepts and is silent
  void Resume() const;  // SIGCONT

  pid_t postmaster() const { return process_->pid(); }
  // The postmaster and all its processes.
  std::vector<pid_t> Processes() const;

  // The server's log from `offset` on. LogSize() before, Log(offset) after, is what happened between.
  std::string Log(std::size_t offset = 0) const;
  std::size_t LogSize() const { return Log().size(); }
  // Waits until the log from `offset` on contains `text`.
  bool WaitForLog(const std::string& text, std::size_t offset = 0) const;

 private:
  // A file that is written within a tick of the kernel's clock before a load may have been written after it, for all
  // that its times tell.
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
