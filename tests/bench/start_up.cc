#include "tests/bench/start_up.h"

#include <algorithm>
#include <map>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "tests/bench/measure.h"
#include "tests/support/http_client.h"
#include "tests/support/process.h"

namespace pgtls::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::minutes kStartUp{15};

// What a page says of the servers: how many are up, and on how many each collector succeeded.
struct PageCounts {
  int up = 0;
  std::map<std::string, int> succeeded;
  int missing = 0;  // collectors that did not succeed, or have not run yet
};

PageCounts CountOn(const std::string& page) {
  PageCounts counts;
  std::istringstream in(page);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("pg_tls_up{") && line.ends_with(" 1")) ++counts.up;
    if (line.starts_with("pg_tls_collector_interval_seconds{")) ++counts.missing;
    if (!line.starts_with("pg_tls_collector_success{") || !line.ends_with(" 1")) continue;
    const std::size_t name = line.find("collector=\"") + 11;
    ++counts.succeeded[line.substr(name, line.find('"', name) - name)];
    --counts.missing;
  }
  return counts;
}

class Started {
 public:
  Started(const std::string& program, const std::string& config, const std::vector<std::string>& arguments)
      : port_(support::FreePort()),
        process_(Command(program, config, arguments), {.environment = CleanEnvironment()}) {}

  PageCounts Counts() {
    if (process_.ExitCode()) throw std::runtime_error("the exporter: " + process_.Err().substr(0, 2000));
    try {
      return CountOn(support::HttpGet(port_, "/metrics"));
    } catch (const std::runtime_error&) {
      return {.missing = 1};  // it does not listen yet
    }
  }
  double Seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }
  std::string Log() const { return process_.Err(); }

 private:
  std::vector<std::string> Command(const std::string& program, const std::string& config,
                                   const std::vector<std::string>& arguments) {
    std::vector<std::string> argv = {program, "--config.file=" + dir_.Write("config.yml", config),
                                     "--web.listen-address=127.0.0.1:" + std::to_string(port_)};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return argv;
  }

  support::TempDir dir_;
  int port_;
  Clock::time_point start_ = Clock::now();
  support::Process process_;
};

// The default intervals and timeouts, shorter in the proportion in which `servers` are fewer than 1,000.
std::string Collectors(int servers) {
  const auto part = [&](int seconds) { return std::to_string(seconds * servers) + "ms"; };
  return "collectors:\n  sessions: {interval: " + part(15) + ", timeout: " + part(5) +
         "}\n  settings: {interval: " + part(60) + ", timeout: " + part(5) + "}\n  hba: {interval: " + part(60) +
         ", timeout: " + part(10) + "}\n";
}

long CountLines(const std::string& log, const std::vector<std::string>& parts) {
  long count = 0;
  std::istringstream in(log);
  for (std::string line; std::getline(in, line);) {
    count += std::ranges::all_of(parts, [&](const std::string& part) { return line.contains(part); }) ? 1 : 0;
  }
  return count;
}

}  // namespace

StartUp MeasureStartUp(const std::string& program, const Fleet& fleet, const std::vector<std::string>& arguments) {
  Started exporter(program, fleet.Config(fleet.size(), fleet.root()), arguments);
  StartUp result{};
  const bool known = support::WaitUntil(
      [&] {
        // A page of many servers is work.
        std::this_thread::sleep_for(std::chrono::milliseconds(500));
        PageCounts counts = exporter.Counts();
        const bool sessions = counts.succeeded["sessions"] == fleet.size();
        if (sessions && result.sessions_s == 0) result.sessions_s = exporter.Seconds();
        if (sessions && counts.missing == 0) result.everything_s = exporter.Seconds();
        return result.everything_s > 0;
      },
      kStartUp);
  if (!known) throw std::runtime_error("not every collector has succeeded on every server");
  return result;
}

Overload MeasureOverload(const std::string& program, const Fleet& fleet, std::chrono::seconds duration) {
  const long before = fleet.Executions();
  Started exporter(program, Collectors(fleet.size()) + fleet.Config(fleet.size(), fleet.root()),
                   {"--no-collector.endpoint", "--no-collector.certificates"});
  Overload result;
  Paced(duration, std::chrono::seconds(3), [&] {
    result.last_up = exporter.Counts().up;
    if (result.last_up >= result.most_up) result.most_up = result.least_up = result.last_up;
    result.least_up = std::min(result.least_up, result.last_up);
  });
  const std::string log = exporter.Log();
  result.logins = CountLines(log, {"msg=\"connected\""});
  result.timeouts = CountLines(log, {"collection failed", "reason=timeout"});
  result.collections = fleet.Executions() - before;
  return result;
}

}  // namespace pgtls::bench
