#include "tests/support/pgbouncer.h"

#include <sys/stat.h>

#include <csignal>
#include <stdexcept>

namespace pgtls::support {

PgBouncer::PgBouncer(const PostgresServer& server, const PgBouncerOptions& options) : port_(FreePort()) {
  // It does not run as root.
  chmod(files_.path().c_str(), 0755);
  const std::string users = files_.Write("users", "\"tls_exporter\" \"\"\n\"postgres\" \"\"\n\"app\" \"\"\n");
  std::string text = "[databases]\npostgres = host=127.0.0.1 port=" + std::to_string(server.port()) +
                     "\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = " + std::to_string(port_) +
                     "\nunix_socket_dir =\nauth_type = trust\nauth_file = " + users +
                     "\nadmin_users = postgres\npool_mode = " + options.pool_mode +
                     "\ndefault_pool_size = " + std::to_string(options.pool_size) + "\n";
  for (const auto& line : options.settings) text += line + "\n";
  const std::string config = files_.Write("pgbouncer.ini", text);
  for (const auto& file : {users, config}) chmod(file.c_str(), 0644);
  Start();
}

void PgBouncer::Start() {
  process_ = std::make_unique<Process>(std::vector<std::string>{"pgbouncer", files_.path() + "/pgbouncer.ini"},
                                       ProcessOptions{.user = "postgres", .directory = "/"});
  const std::string console = Conninfo("dbname=pgbouncer user=postgres");
  const bool ready = WaitUntil([&] { return process_->ExitCode() || !Client::WhyNot(console); });
  if (!ready || process_->ExitCode()) throw std::runtime_error("PgBouncer does not start: " + Log());
}

std::string PgBouncer::Conninfo(const std::string& more) const {
  return "host=127.0.0.1 port=" + std::to_string(port_) + " dbname=postgres sslmode=disable " + more;
}

void PgBouncer::Command(const std::string& command) const {
  Client(Conninfo("dbname=pgbouncer user=postgres")).Query(command);
}

void PgBouncer::Restart() {
  process_->Signal(SIGTERM);
  if (!process_->Wait()) throw std::runtime_error("PgBouncer does not end");
  Start();
}

}  // namespace pgtls::support
