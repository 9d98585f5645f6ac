// The real program as a child process.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/support/process.h"

namespace pgtls::e2e {

// libpq's variables of whoever runs the tests must not leak into them: all removed, then `more`.
std::map<std::string, std::string> Environment(const std::map<std::string, std::string>& more = {});

// Runs `pg_tls_exporter arguments…` to its end.
support::ProcessResult RunExporter(const std::vector<std::string>& arguments,
                                   const std::map<std::string, std::string>& environment = {});

// `pg_tls_exporter arguments… --web.listen-address=127.0.0.1:0`, serving until the destructor. Throws
// std::runtime_error with its log where it does not start.
class Exporter {
 public:
  explicit Exporter(const std::vector<std::string>& arguments,
                    const std::map<std::string, std::string>& environment = {});

  int port() const { return port_; }
  support::Process& process() { return process_; }
  std::string Log() const { return process_.Err(); }
  // A thread of its own writes the log, after what a line tells of can be seen elsewhere. False: it never came.
  bool WaitForLog(const std::string& text) const;

  // The text of /metrics; every page is checked to have nothing that Prometheus would refuse (twice the same series).
  std::string Page() const;
  // Polls /metrics until `good` holds for it, and returns that page. Throws std::runtime_error with the last page and
  // the log when it does not within `limit`.
  std::string WaitForPage(const std::function<bool(const std::string&)>& good,
                          std::chrono::milliseconds limit = std::chrono::seconds(90)) const;
  // WaitForPage for a line that is on the page.
  std::string WaitForLine(const std::string& line, std::chrono::milliseconds limit = std::chrono::seconds(90)) const;
  // Every server was tried once.
  void WaitUntilReady() const;

 private:
  support::Process process_;
  int port_ = 0;
};

// A configuration file with short intervals, one server a line: {name, conninfo}. Timeouts are so long that only what
// hangs runs into them, however busy the machine is.
std::string Config(const std::vector<std::pair<std::string, std::string>>& servers, const std::string& more = "");
// The same with timeouts of 2 s, for tests of what hangs.
std::string Impatient(std::string config);

bool HasLine(const std::string& page, const std::string& line);

}  // namespace pgtls::e2e
