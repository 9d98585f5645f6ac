// The exporter under measurement, as a child process.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/process.h"

namespace pgtls::bench {

class Exporter {
 public:
  // Returns when every collector has run once on every server and all is well. Throws std::runtime_error with its log
  // when that does not happen.
  Exporter(const std::string& program, const std::string& config, const std::vector<std::string>& arguments = {});

  int port() const { return port_; }
  pid_t pid() const { return process_.pid(); }
  double start_up_s() const { return start_up_s_; }
  std::string Page() const;
  // The same, as Prometheus asks for it. Throws std::runtime_error where it is not whole.
  std::string CompressedPage() const;
  bool Runs() { return !process_.ExitCode(); }
  std::string Log() const { return process_.Err(); }
  // Another configuration, read at once.
  void Reconfigure(const std::string& config) const;
  // SIGTERM. The exit status; nullopt where it did not end within a minute.
  std::optional<int> Stop();

 private:
  support::TempDir dir_;
  int port_;
  support::Process process_;
  double start_up_s_ = 0;
};

// Arguments with which this collector runs, and no other.
std::vector<std::string> Only(std::string_view collector);

// The first server or collector that a page calls down, or that no server is on it; empty where all is well.
std::string FirstFailure(const std::string& page);

}  // namespace pgtls::bench
