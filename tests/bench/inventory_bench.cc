// The cost of an inventory of client certificates of which a few are in use: index.txt and files with as many entries,
// beside reading the same bytes. Prints markdown.
//   inventory_bench
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "exporter/base/file.h"
#include "exporter/files/client_inventory.h"
#include "tests/bench/measure.h"
#include "tests/support/certificates.h"
#include "tests/support/files.h"

namespace pgtls::bench {
namespace {

constexpr int kEntries = 50'000;
constexpr int kInUse = 100;

struct Cost {
  double cpu_ms;
  double peak_mb;  // beyond what the process held before
};

template <typename Work>
Cost Measure(Work work) {
  const double held = ResidentMb(getpid());
  ResetPeak(getpid());
  const double before = ThreadCpuMs();
  work();
  const double cpu = ThreadCpuMs() - before;
  return {cpu, PeakResidentMb(getpid()) - held};
}

void Search(const files::InventoryPaths& paths) {
  std::vector<files::SoughtCertificate> sought;
  for (int i = 1; i <= kInUse; ++i) {
    sought.push_back({.client_dn = "/CN=user", .issuer_dn = "/CN=Clients", .serial = fmt::format("{:X}", i)});
  }
  FindInInventory(paths, sought);
  for (const auto& one : sought) {
    if (!one.found) throw std::runtime_error("not found: " + one.serial);
  }
}

int Run() {
  const support::TempDir dir;
  const support::TestCa ca("Clients");
  std::string index;
  std::filesystem::create_directory(dir.path() + "/issued");
  for (int i = 1; i <= kEntries; ++i) index += fmt::format("V\t301231235959Z\t\t{:08X}\tunknown\t/CN=user\n", i);
  for (int i = 1; i <= kInUse; ++i) {
    dir.Write(fmt::format("issued/{}.crt", i), ca.Issue({.common_name = "user", .serial = i}).certificate);
  }
  const std::string other = ca.Issue({.common_name = "other"}).certificate;
  for (int i = kInUse + 1; i <= kEntries; ++i) dir.Write(fmt::format("issued/{}.crt", i), other);
  const std::string path = dir.Write("index.txt", index);

  const Cost by_index = Measure([&] { Search({.files = {}, .openssl_index = {path}}); });
  const Cost read = Measure([&] { ReadFile(path, std::size_t{1} << 30); });
  const auto search_files = [&] { Search({.files = {dir.path() + "/issued/*.crt"}, .openssl_index = {}}); };
  const Cost by_files = Measure(search_files);
  const Cost again = Measure(search_files);
  std::printf("%d entries, of which %d are in use.\n\n", kEntries, kInUse);
  TableHead("the inventory", "the file as a whole");
  Row("memory while index.txt is searched", by_index.peak_mb, read.peak_mb, "MB");
  Row("CPU of a search in index.txt", by_index.cpu_ms, read.cpu_ms, "ms");
  LimitRow("memory while as many files are searched", by_files.peak_mb, "MB", 64);
  LimitRow("CPU of a search in as many files", by_files.cpu_ms, "ms", std::nullopt);
  LimitRow("CPU of the next search, without a change", again.cpu_ms, "ms", std::nullopt);
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace pgtls::bench

int main() {
  try {
    return pgtls::bench::Run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "inventory_bench: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
