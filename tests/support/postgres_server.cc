#include "tests/support/postgres_server.h"

#include <fcntl.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "tests/support/files.h"
#include "tests/support/psql.h"
#include "tests/support/seconds.h"

namespace pgtls::support {
namespace {

constexpr const char* kSupportDir = PGTLS_SUPPORT_DIR;
constexpr const char* kReloaded = "received SIGHUP, reloading configuration files";

// The first answer of a script for one major version, remembered: scripts take tens of milliseconds.
std::string FromScript(const std::vector<std::string>& command) {
  static std::mutex mutex;
  static std::map<std::vector<std::string>, std::string> answers;
  const std::scoped_lock lock(mutex);
  std::string& answer = answers[command];
  if (answer.empty()) {
    ProcessResult result = RunProcess(command, {}, std::chrono::minutes(10));
    if (result.exit_code != 0) throw std::runtime_error(command.front() + ": " + result.err);
    answer = result.out.substr(0, result.out.find('\n'));
  }
  return answer;
}

void GiveToServer(const std::string& path) {
  if (geteuid() != 0) return;
  const passwd* user = getpwnam("postgres");
  if (user == nullptr || chown(path.c_str(), user->pw_uid, user->pw_gid) != 0) {
    throw std::runtime_error("cannot give " + path + " to the user postgres");
  }
}

// Returns when a connection to this socket was accepted and is gone again. It asks for TLS and no more: it appears in
// no view and in no log.
void WaitForAccept(const std::string& path) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  constexpr std::array<unsigned char, 8> kSslRequest = {0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x2F};
  char answer = 0;
  const bool answered = fd >= 0 && connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
                        send(fd, kSslRequest.data(), kSslRequest.size(), MSG_NOSIGNAL) == kSslRequest.size() &&
                        recv(fd, &answer, 1, 0) == 1 && shutdown(fd, SHUT_WR) == 0 && recv(fd, &answer, 1, 0) == 0;
  if (fd >= 0) close(fd);
  if (!answered) throw std::runtime_error("no answer at " + path);
}

}  // namespace

int TestMajor() {
  const char* major = std::getenv("PGTLS_TEST_MAJOR");
  return major == nullptr ? 15 : std::stoi(major);
}

PostgresServer::PostgresServer(PostgresOptions options) : options_(std::move(options)) {
  const std::string support = kSupportDir;
  bin_ = FromScript({support + "/fetch-postgres.sh", std::to_string(options_.major)});
  const std::string data_template = FromScript(
      {support + "/data-template.sh", std::to_string(options_.major), options_.sql_ascii ? "SQL_ASCII" : "UTF8"});

  dir_ = MakeScratchDirectory();
  data_ = dir_ + "/data";
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
  guardian_pipe_ = ends[1];
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[0], 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);  // a signal to the test's group must not reach it
  std::string script = support + "/guardian.sh";
  char* argv[] = {script.data(), dir_.data(), nullptr};
  const int error = posix_spawn(&guardian_, script.c_str(), &actions, &attributes, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  close(ends[0]);
  if (error != 0) throw std::system_error(error, std::generic_category(), script);

  MustRun({"cp", "-a", data_template, data_});
  chmod(dir_.c_str(), 0755);
  GiveToServer(dir_);
  WriteDataFile("pg_hba.conf", options_.hba);
  // Another test may take the port between the choice and the start.
  for (int attempt = 1;; ++attempt) {
    port_ = FreePort();
    WriteConfiguration();
    // Over SQL the exporter would not know whether the server has loaded it.
    if (options_.tls && !options_.tls->client_ca.empty()) LetASecondPass();
    try {
      Launch();
      return;
    } catch (const std::runtime_error&) {
      const bool taken = Log().find("could not create any TCP/IP sockets") != std::string::npos;
      if (taken && attempt < 5) continue;
      process_.reset();
      close(guardian_pipe_);
      waitpid(guardian_, nullptr, 0);
      throw;
    }
  }
}

PostgresServer::~PostgresServer() {
  close(guardian_pipe_);
  while (waitpid(guardian_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void PostgresServer::WriteConfiguration() {
  std::string text =
      "fsync = off\nfull_page_writes = off\nautovacuum = off\nshared_buffers = 16MB\n"
      "max_connections = 100\ntimezone = 'UTC'\nlog_timezone = 'UTC'\nlc_messages = 'C'\nlog_line_prefix = '%m [%p] '\n"
      // Segments in files below the data directory: nothing outlives a killed server.
      "dynamic_shared_memory_type = mmap\n";
  text += "port = " + std::to_string(port_) + "\n";
  text += "listen_addresses = '" + options_.listen_addresses + "'\n";
  text += "unix_socket_directories = '" + dir_ + "'\n";
  WriteDataFile("postgresql.conf", text);
  if (options_.tls) SetTls(*options_.tls);
  for (const auto& line : options_.settings) Set(line);
}

void PostgresServer::SetTls(const ServerTls& tls) {
  WriteDataFile("server.crt", tls.server.chain);
  WriteDataFile("server.key", tls.server.key);
  Set("ssl = on");
  if (!tls.client_ca.empty()) {
    WriteDataFile("root.crt", tls.client_ca);
    Set("ssl_ca_file = 'root.crt'");
  }
  if (!tls.crl.empty()) {
    WriteDataFile("root.crl", tls.crl);
    Set("ssl_crl_file = 'root.crl'");
  }
}

void PostgresServer::Set(const std::string& line) {
  WriteDataFile("postgresql.conf", ReadFile(data_ + "/postgresql.conf") + line + "\n");
}

void PostgresServer::WriteDataFile(const std::string& name, const std::string& content, mode_t mode) const {
  const std::string path = data_ + "/" + name;
  // With its owner before its name: a reload in between would refuse a key that root owns.
  const std::string next = data_ + "/.next";
  WriteFile(next, content, mode);
  GiveToServer(next);
  std::filesystem::rename(next, path);
  written_ = std::chrono::steady_clock::now();
}

void PostgresServer::LetATickPass() const {
  constexpr std::chrono::milliseconds kTick{30};
  WaitUntil([&] { return std::chrono::steady_clock::now() - written_ > kTick; });
}

void PostgresServer::Launch() {
  LetATickPass();
  ProcessOptions process;
  process.environment = options_.environment;
  process.user = "postgres";
  process.directory = "/";
  process.dies_with_thread = false;  // the guardian sees to it
  process_ = std::make_unique<Process>(
      std::vector<std::string>{"sh", "-c", R"(exec "$0" -D "$1" >>"$1/../log" 2>&1)", bin_ + "/postgres", data_},
      process);
  const bool settled = WaitUntil([this] { return process_->ExitCode() || Ready(); }, std::chrono::seconds(60));
  if (process_->ExitCode()) Fail("the server ended at its start");
  if (!settled) Fail("the server did not start");
}

bool PostgresServer::Ready() const { return PQping(SocketConninfo("connect_timeout=5").c_str()) == PQPING_OK; }

void PostgresServer::Start() {
  if (process_ && !process_->ExitCode()) throw std::logic_error("the server runs already");
  Launch();
}

void PostgresServer::Stop() {
  process_->Signal(SIGINT);
  if (!process_->Wait()) Fail("the server did not stop");
}

// Before anything is done to its processes, so that it starts none anew. A fork that is under way goes on after kill()
// has returned, and its child would be missed.
void PostgresServer::StopPostmaster() const {
  const std::string stat = "/proc/" + std::to_string(postmaster()) + "/stat";
  process_->Signal(SIGSTOP);
  const bool stopped = WaitUntil([&] {
    std::ifstream in(stat);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    const std::size_t name_end = text.rfind(')');
    return name_end == std::string::npos || std::string_view("TZX").contains(text.at(name_end + 2));
  });
  if (!stopped) Fail("the postmaster does not stop");
}

void PostgresServer::Kill() {
  StopPostmaster();
  for (const pid_t pid : Processes()) kill(pid, SIGKILL);
  if (!process_->Wait() || !WaitUntil([this] { return Processes().empty(); })) Fail("the server did not die");
}

void PostgresServer::Pause() const {
  StopPostmaster();
  for (const pid_t pid : Processes()) kill(pid, SIGSTOP);
}

void PostgresServer::Resume() const {
  for (const pid_t pid : Processes()) kill(pid, SIGCONT);
}

std::vector<pid_t> PostgresServer::Processes() const {
  std::vector<pid_t> pids;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::error_code gone;  // a process that ended in the meantime
    if (std::filesystem::read_symlink(entry.path() / "cwd", gone) == data_) pids.push_back(std::stoi(name));
  }
  return pids;
}

void PostgresServer::Reload() {
  LetATickPass();
  const std::size_t before = LogSize();
  process_->Signal(SIGHUP);
  // The postmaster writes this line, reads everything, and accepts connections again.
  if (!WaitForLog(kReloaded, before)) Fail("the server did not reload");
  WaitForAccept(dir_ + "/.s.PGSQL." + std::to_string(port_));
}

std::string PostgresServer::Conninfo(const std::string& more) const {
  return "host=127.0.0.1 port=" + std::to_string(port_) + " dbname=postgres user=postgres " + more;
}

std::string PostgresServer::SocketConninfo(const std::string& more) const {
  return "host=" + dir_ + " port=" + std::to_string(port_) + " dbname=postgres user=postgres " + more;
}

Rows PostgresServer::Query(const std::string& sql) const {
  Client client(SocketConninfo("application_name=administration"));
  Rows rows = client.Query(sql);
  client.Close();
  return rows;
}

void PostgresServer::RunSqlFile(const std::string& path, const std::string& database) const {
  MustRun({Psql(), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", SocketConninfo("dbname=" + database), "-f", path});
}

std::string PostgresServer::Log(std::size_t offset) const {
  std::ifstream in(dir_ + "/log", std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  return text.substr(std::min(offset, text.size()));
}

bool PostgresServer::WaitForLog(const std::string& text, std::size_t offset) const {
  return WaitUntil([&] { return Log(offset).find(text) != std::string::npos; });
}

void PostgresServer::Fail(const std::string& what) const {
  std::string log = Log();
  if (log.size() > 2000) log = log.substr(log.size() - 2000);
  throw std::runtime_error("PostgreSQL " + std::to_string(options_.major) + ": " + what + "; its log:\n" + log);
}

}  // namespace pgtls::support
