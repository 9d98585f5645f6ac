// Child processes that never outlive the test.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/files.h"

namespace pgtls::support {

struct ProcessOptions {
  std::map<std::string, std::string> environment;  // added to the test's own; an empty value removes the variable
  std::string user;                                // run as this user where the test runs as root; empty: as the test
  std::string directory;                           // working directory; empty: the test's
  std::string input;                               // what standard input delivers
  bool dies_with_thread = true;                    // killed by the kernel when the thread that started it ends
};

// A running program (found through PATH). Its output goes to files. Killed and reaped by the destructor.
class Process {
 public:
  // Throws std::system_error if it cannot be started.
  explicit Process(const std::vector<std::string>& argv, const ProcessOptions& options = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  void Signal(int number) const;
  // The exit status once it has ended, 128 + n after signal n; nullopt while it runs.
  std::optional<int> ExitCode();
  // Waits for its end; nullopt when `limit` comes first.
  std::optional<int> Wait(std::chrono::milliseconds limit = std::chrono::seconds(60));
  // What it has written so far.
  std::string Out() const { return ReadFile(directory_.path() + "/out"); }
  std::string Err() const { return ReadFile(directory_.path() + "/err"); }

 private:
  TempDir directory_;
  pid_t pid_ = -1;
  std::optional<int> exit_code_;
};

struct ProcessResult {
  int exit_code = 0;
  std::string out;
  std::string err;
};

// Runs a program to its end. Throws std::runtime_error when it takes longer than `limit`.
ProcessResult RunProcess(const std::vector<std::string>& argv, const ProcessOptions& options = {},
                         std::chrono::milliseconds limit = std::chrono::seconds(60));

// As RunProcess, for what must succeed: throws std::runtime_error with its output where the exit code is not 0. Returns
// its output.
std::string MustRun(const std::vector<std::string>& argv, const ProcessOptions& options = {});

}  // namespace pgtls::support
