#include "tests/support/pgbouncer.h"

#include <sys/stat.h>

#include <csignal>
#include <map>
#include <stdexcept>

namespace pgtls::support {

namespace {

std::string ProgramOf(PgBouncerRelease release) {
  const std::map<PgBouncerRelease, std::string> suites = {
      {PgBouncerRelease::k1_18, "bookworm"}, {PgBouncerRelease::k1_24, "trixie"}, {PgBouncerRelease::k1_26, "sid"}};
  const std::string& suite = suites.at(release);
  const std::string fetched = MustRun({std::string(PGTLS_SUPPORT_DIR) + "/fetch-debian.sh", suite, "pgbouncer"});
  return fetched.substr(0, fetched.find('\n')) + "/usr/sbin/pgbouncer";
}

}  // namespace

PgBouncer::PgBouncer(const PostgresServer& server, const PgBouncerOptions& options)
    : server_port_(server.port()), options_(options), port_(options.port != 0 ? options.port : FreePort()) {
  // It does not run as root.
  chmod(files_.path().c_str(), 0777);
  WriteFile("users", "\"tls_exporter\" \"\"\n\"postgres\" \"\"\n\"app\" \"\"\n");
  WriteConfig();
  Start();
}

std::string PgBouncer::WriteFile(const std::string& name, const std::string& content) const {
  return files_.Write(name, content, 0644);
}

void PgBouncer::WriteConfig() const {
  std::string peers = peers_.empty() ? "" : "[peers]\n";
  for (const auto& line : peers_) peers += line + "\n";
  std::string text = "[databases]\npostgres = host=127.0.0.1 port=" + std::to_string(server_port_) + "\n" + peers +
                     "[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = " + std::to_string(port_) +
                     "\nunix_socket_dir = " + directory() + "\nauth_type = trust\nauth_file = " + directory() +
                     "/users\nadmin_users = postgres\nstats_users = tls_exporter\npool_mode = " + options_.pool_mode +
                     "\ndefault_pool_size = " + std::to_string(options_.pool_size) + "\nserver_tls_sslmode = disable\n";
  for (const auto& line : options_.settings) text += line + "\n";
  WriteFile("pgbouncer.ini", text);
}

void PgBouncer::Configure(const std::vector<std::string>& settings) {
  options_.settings.insert(options_.settings.end(), settings.begin(), settings.end());
  WriteConfig();
  Command("RELOAD");
}

void PgBouncer::SetPeers(const std::vector<std::string>& lines) {
  peers_ = lines;
  Configure({});
}

void PgBouncer::Start() {
  process_ =
      std::make_unique<Process>(std::vector<std::string>{ProgramOf(options_.release), directory() + "/pgbouncer.ini"},
                                ProcessOptions{.user = "postgres", .directory = "/"});
  const std::string console = SocketConsoleConninfo();
  const bool ready = WaitUntil([&] { return process_->ExitCode() || !Client::WhyNot(console); });
  if (!ready || process_->ExitCode()) throw std::runtime_error("PgBouncer does not start: " + Log());
}

std::string PgBouncer::Conninfo(const std::string& more) const {
  return "host=127.0.0.1 port=" + std::to_string(port_) + " dbname=postgres sslmode=disable " + more;
}

std::string PgBouncer::ConsoleConninfo(const std::string& more) const {
  return Conninfo("dbname=pgbouncer user=tls_exporter sslmode=prefer " + more);
}

std::string PgBouncer::SocketConsoleConninfo() const {
  return "host=" + directory() + " port=" + std::to_string(port_) + " dbname=pgbouncer user=tls_exporter";
}

void PgBouncer::Command(const std::string& command) const {
  Client(SocketConsoleConninfo() + " user=postgres").Query(command);
}

void PgBouncer::Stop() {
  process_->Signal(SIGQUIT);  // at once: from 1.23 on the others wait for clients
  if (!process_->Wait()) throw std::runtime_error("PgBouncer does not end");
}

void PgBouncer::Restart() {
  Stop();
  Start();
}

}  // namespace pgtls::support
