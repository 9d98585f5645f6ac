#include "tests/bench/soak_findings.h"

#include <fmt/format.h>

#include <cstdio>

#include "tests/bench/soak_spans.h"

namespace pgtls::bench {
namespace {

constexpr std::size_t kKept = 10;  // of each kind

}  // namespace

void Findings::Add(const std::string& kind, const std::string& detail) {
  Kind& entry = violations_[kind];
  if (++entry.count <= kKept) entry.first.push_back(fmt::format("{:.3f} {}", Now(), detail));
}

void Findings::Violation(const std::string& kind, const std::string& detail) {
  const std::lock_guard lock(mutex_);
  Add(kind, detail);
}

void Findings::Good(const std::string& what) {
  const std::lock_guard lock(mutex_);
  ++good_[what];
}

void Findings::Expect(const std::string& what) {
  const std::lock_guard lock(mutex_);
  good_.try_emplace(what, 0);
}

std::size_t Findings::Conclude() {
  const std::lock_guard lock(mutex_);
  std::printf("\nLooked at, and found well:\n");
  for (const auto& [what, times] : good_) {
    std::printf("* %s: %ld times\n", what.c_str(), times);
    if (times == 0) Add(what, "never looked at, or never so");
  }
  std::size_t count = 0;
  for (const auto& [kind, entry] : violations_) {
    std::fprintf(stderr, "VIOLATION %zu times: %s\n", entry.count, kind.c_str());
    for (const auto& detail : entry.first) std::fprintf(stderr, "  %s\n", detail.c_str());
    count += entry.count;
  }
  std::printf("\n%zu violations\n", count);
  return count;
}

}  // namespace pgtls::bench
