#include "tests/support/process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <system_error>

namespace pgtls::support {
namespace {

std::vector<std::string> Environment(const std::map<std::string, std::string>& changes) {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!changes.contains(text.substr(0, text.find('=')))) environment.push_back(text);
  }
  for (const auto& [name, value] : changes) {
    if (!value.empty()) environment.push_back(std::string(name).append("=").append(value));
  }
  return environment;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Process::Process(const std::vector<std::string>& argv, const ProcessOptions& options) {
  // setpriv execs: the pid stays. The parent-death signal is set after the change of user, which would clear it.
  std::vector<std::string> command = {"setpriv", "--pdeathsig", options.dies_with_thread ? "KILL" : "clear"};
  if (!options.user.empty() && geteuid() == 0) {
    for (const std::string& part : {"--reuid=" + options.user, "--regid=" + options.user}) command.push_back(part);
    command.emplace_back("--init-groups");
  }
  command.emplace_back("--");
  command.insert(command.end(), argv.begin(), argv.end());
  std::vector<std::string> environment = Environment(options.environment);
  const std::string in = directory_.Write("in", options.input);
  const std::string out = directory_.Write("out", "");
  const std::string err = directory_.Write("err", "");

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, in.c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_APPEND, 0);
  posix_spawn_file_actions_addopen(&actions, 2, err.c_str(), O_WRONLY | O_APPEND, 0);
  if (!options.directory.empty()) posix_spawn_file_actions_addchdir_np(&actions, options.directory.c_str());
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  const int error =
      posix_spawnp(&pid_, "setpriv", &actions, &attributes, Pointers(command).data(), Pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) throw std::system_error(error, std::generic_category(), "setpriv " + argv.front());
}

Process::~Process() {
  if (exit_code_) return;
  kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void Process::Signal(int number) const {
  if (!exit_code_) kill(pid_, number);
}

std::optional<int> Process::ExitCode() {
  int status = 0;
  if (!exit_code_ && waitpid(pid_, &status, WNOHANG) == pid_) {
    exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  return exit_code_;
}

std::optional<int> Process::Wait(std::chrono::milliseconds limit) {
  WaitUntil([this] { return ExitCode().has_value(); }, limit);
  return exit_code_;
}

ProcessResult RunProcess(const std::vector<std::string>& argv, const ProcessOptions& options,
                         std::chrono::milliseconds limit) {
  Process process(argv, options);
  const auto code = process.Wait(limit);
  if (!code)
    throw std::runtime_error(argv.front() + " did not end in time; it wrote: " + process.Out() + process.Err());
  return {*code, process.Out(), process.Err()};
}

std::string MustRun(const std::vector<std::string>& argv, const ProcessOptions& options) {
  ProcessResult result = RunProcess(argv, options);
  if (result.exit_code != 0) {
    throw std::runtime_error(argv.front() + " ended with " + std::to_string(result.exit_code) + ": " + result.out +
                             result.err);
  }
  return result.out;
}

}  // namespace pgtls::support
