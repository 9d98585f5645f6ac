// What the benchmarks measure with: a process's processor time, memory and files, and rows of a table in markdown.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace pgtls::bench {

// CPU time of all threads that a process has now, in milliseconds. Differences count while no thread ends.
double CpuMs(pid_t pid);
// CPU time of the calling thread, in milliseconds.
double ThreadCpuMs();
double ResidentMb(pid_t pid);
// The most that the process held since ResetPeak(pid).
double PeakResidentMb(pid_t pid);
void ResetPeak(pid_t pid);
int OpenFiles(pid_t pid);
double Median(std::vector<double> values);

// The soft limit of open files becomes the hard one, for this process and its children.
void AllowAllFiles();

// Calls `step` once an interval for so long.
void Paced(std::chrono::milliseconds duration, std::chrono::milliseconds interval, const std::function<void()>& step);

// Median latency of a scrape over one connection, by wrk, in milliseconds.
double ScrapeP50Ms(int port, std::chrono::seconds duration);

// Polls /metrics until `sample` is on the page. Throws std::runtime_error when it does not come.
void WaitForPage(int port, const std::string& sample);

// The environment of a program that is measured: libpq's variables of whoever runs the benchmark are removed.
std::map<std::string, std::string> CleanEnvironment();

// A row "what | ours | other | ratio | target | verdict". `target`: the ratio that is asked for; absent where none is.
void Row(const std::string& what, double ours, double other, const std::string& unit,
         std::optional<double> target = std::nullopt);
// A row for a value that has a limit of its own and nothing beside it.
void LimitRow(const std::string& what, double value, const std::string& unit, std::optional<double> limit);
void TableHead(const std::string& ours, const std::string& other);

}  // namespace pgtls::bench
