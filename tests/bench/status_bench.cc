// The cost of the status page for many servers. It is made on each request, from stored results: the page must audit
// every server, so that the audit alone is the reference. And what Chromium needs for it. Prints markdown.
//   status_bench
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "exporter/audit/check.h"
#include "tests/bench/measure.h"
#include "tests/exporter/status/status_fixture.h"
#include "tests/support/files.h"
#include "tests/support/process.h"

namespace pgtls::bench {
namespace {

constexpr int kServers = 1000;
constexpr int kPages = 31;

// One of ten servers has unencrypted clients, one of fifty is down.
sampling::Snapshots Servers(int count) {
  sampling::Snapshots servers;
  for (int i = 0; i < count; ++i) {
    status::ServerBuilder server("db" + std::to_string(i));
    for (int client = 0; i % 10 == 0 && client < 5; ++client) {
      server.Unencrypted({"shop",
                          "app" + std::to_string(client),
                          {.range = Cidr::Parse("192.0.2." + std::to_string(client))},
                          "batch",
                          Network::kRemote,
                          false,
                          3});
    }
    if (i % 50 == 1) server.Down("connection refused");
    servers.push_back(server.Shared());
  }
  return servers;
}

std::string Page(const sampling::Snapshots& servers) {
  return status::StatusPage(status::ViewOf(servers, status::kNow), {});
}

// The median CPU time of `work` in milliseconds. Throws if a result is empty.
template <typename Work>
double MedianMs(Work work) {
  std::vector<double> times;
  for (int i = 0; i < kPages; ++i) {
    const double before = ThreadCpuMs();
    if (work().empty()) throw std::runtime_error("an empty result");
    times.push_back(ThreadCpuMs() - before);
  }
  return Median(std::move(times));
}

// What Chromium needs to lay out and paint each page, in milliseconds.
std::vector<double> RenderMs(const std::vector<std::string>& pages) {
  const support::TempDir dir;
  std::vector<std::string> command = {"node", "tests/bench/render.mjs"};
  for (std::size_t i = 0; i < pages.size(); ++i) {
    command.push_back(dir.Write(std::to_string(i) + ".html", pages[i]));
  }
  std::istringstream lines(support::MustRun(command));
  std::vector<double> times(pages.size());
  for (double& time : times) lines >> time;
  if (!lines) throw std::runtime_error("render.mjs printed too little");
  return times;
}

int Run() {
  const sampling::Snapshots servers = Servers(kServers);
  const sampling::Snapshots few = Servers(kServers / 10);
  const double page = MedianMs([&] { return Page(servers); });
  const double small_page = MedianMs([&] { return Page(few); });
  const double audit = MedianMs([&] { return audit::Check(servers, status::kNow); });
  std::printf("%d servers; the page has %.0f kB.\n\n", kServers, static_cast<double>(Page(servers).size()) / 1024);
  TableHead("the status page", "reference");
  Row("CPU of a page, beside the audit of the same servers alone", page, audit, "ms");
  Row("CPU of a page, beside ten times that of a page for a tenth of the servers", page, small_page * 10, "ms");
  const std::vector<double> rendered = RenderMs({Page(servers), Page(few)});
  Row("Chromium, until the page is painted, beside a page for a tenth of the servers", rendered[0], rendered[1], "ms");
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace pgtls::bench

int main() {
  try {
    return pgtls::bench::Run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "status_bench: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
