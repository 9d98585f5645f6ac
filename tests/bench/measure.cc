#include "tests/bench/measure.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <stdexcept>
#include <thread>

#include "tests/support/files.h"
#include "tests/support/http_client.h"
#include "tests/support/process.h"

namespace pgtls::bench {
namespace {

std::string Proc(pid_t pid, const std::string& file) { return "/proc/" + std::to_string(pid) + "/" + file; }

double StatusMb(pid_t pid, const std::string& field) {
  std::ifstream in(Proc(pid, "status"));
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(field + ":")) return std::strtod(line.c_str() + field.size() + 1, nullptr) / 1024;
  }
  throw std::runtime_error("no " + field + " of process " + std::to_string(pid));
}

}  // namespace

double CpuMs(pid_t pid) {
  double nanoseconds = 0;
  for (const auto& task : std::filesystem::directory_iterator(Proc(pid, "task"))) {
    std::ifstream in(task.path() / "schedstat");
    double on_cpu = 0;
    in >> on_cpu;
    nanoseconds += on_cpu;
  }
  return nanoseconds / 1e6;
}

double ThreadCpuMs() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

double ResidentMb(pid_t pid) { return StatusMb(pid, "VmRSS"); }
double PeakResidentMb(pid_t pid) { return StatusMb(pid, "VmHWM"); }

void ResetPeak(pid_t pid) {
  std::ofstream out(Proc(pid, "clear_refs"));
  out << 5;  // proc(5): the peak becomes what is resident now
  if (!out.flush()) throw std::runtime_error("cannot reset the peak of process " + std::to_string(pid));
}

int OpenFiles(pid_t pid) {
  return static_cast<int>(std::distance(std::filesystem::directory_iterator(Proc(pid, "fd")), {}));
}

double Median(std::vector<double> values) {
  if (values.empty()) throw std::logic_error("no values");
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void AllowAllFiles() {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

void Paced(std::chrono::milliseconds duration, std::chrono::milliseconds interval, const std::function<void()>& step) {
  const auto start = std::chrono::steady_clock::now();
  for (auto next = start; next < start + duration; next += interval) {
    std::this_thread::sleep_until(next);
    step();
  }
}

double ScrapeP50Ms(int port, std::chrono::seconds duration) {
  const std::string out = support::RunProcess({"wrk", "-t1", "-c1", "-d" + std::to_string(duration.count()) + "s",
                                               "--latency", "http://127.0.0.1:" + std::to_string(port) + "/metrics"},
                                              {}, duration + std::chrono::seconds(30))
                              .out;
  std::smatch match;
  if (!std::regex_search(out, match, std::regex("50%\\s+([0-9.]+)(us|ms|s)")) ||
      out.find("Non-2xx") != std::string::npos) {
    throw std::runtime_error("wrk: " + out);
  }
  const double value = std::stod(match[1]);
  return match[2] == "us" ? value / 1000 : match[2] == "s" ? value * 1000 : value;
}

void WaitForPage(int port, const std::string& sample) {
  const bool there = support::WaitUntil([&] {
    try {
      return support::HttpGet(port, "/metrics").find(sample) != std::string::npos;
    } catch (const std::runtime_error&) {
      return false;
    }
  });
  if (!there) throw std::runtime_error("no " + sample + " on the page");
}

std::map<std::string, std::string> CleanEnvironment() {
  std::map<std::string, std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (text.starts_with("PG") && !text.starts_with("PGTLS")) environment.emplace(text.substr(0, text.find('=')), "");
  }
  environment["DATA_SOURCE_NAME"] = "";
  environment["HOME"] = "/nonexistent";  // no ~/.pgpass, no ~/.postgresql
  return environment;
}

void TableHead(const std::string& ours, const std::string& other) {
  std::printf("| | %s | %s | ratio | target | |\n|---|---|---|---|---|---|\n", ours.c_str(), other.c_str());
}

void Row(const std::string& what, double ours, double other, const std::string& unit, std::optional<double> target) {
  std::printf("| %s | %.2f %s | %.2f %s | %.4f | ", what.c_str(), ours, unit.c_str(), other, unit.c_str(),
              ours / other);
  if (target) {
    std::printf("at most %.3f | %s |\n", *target, ours <= *target * other ? "met" : "**missed**");
  } else {
    std::printf("| |\n");
  }
  std::fflush(stdout);
}

void LimitRow(const std::string& what, double value, const std::string& unit, std::optional<double> limit) {
  std::printf("| %s | %.2f %s | | | ", what.c_str(), value, unit.c_str());
  if (limit) {
    std::printf("at most %.2f %s | %s |\n", *limit, unit.c_str(), value <= *limit ? "met" : "**missed**");
  } else {
    std::printf("| |\n");
  }
  std::fflush(stdout);
}

}  // namespace pgtls::bench
