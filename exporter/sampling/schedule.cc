#include "exporter/sampling/schedule.h"

#include <algorithm>
#include <cstdint>

namespace pgtls::sampling {

using std::chrono::milliseconds;

namespace {

// A server in trouble is asked once a minute at least.
constexpr std::chrono::minutes kLongestBackoff{1};
constexpr int kLongestOverload = 4;  // intervals

}  // namespace

Deadline LastBeat(Deadline due, milliseconds interval) {
  const auto beat = std::chrono::duration_cast<Deadline::duration>(interval) / 60;
  return due - due.time_since_epoch() % beat;
}

milliseconds SecondRun(milliseconds interval, milliseconds shortest, double phase, double chance) {
  const auto rounds = static_cast<double>(interval / shortest);
  const auto round = std::min(static_cast<std::int64_t>(rounds * chance), interval / shortest - 1);
  return std::max(std::chrono::duration_cast<milliseconds>(shortest * phase), milliseconds(1)) + round * shortest;
}

milliseconds Backoff(const Trouble& trouble, milliseconds shortest, double chance) {
  milliseconds longest = trouble.overload ? kLongestOverload * shortest : shortest;
  if (trouble.silent) longest = std::max<milliseconds>(longest, kLongestBackoff);
  const milliseconds grown = milliseconds(500) * (1 << std::min(trouble.failures, 10));
  return std::chrono::duration_cast<milliseconds>(std::min(longest, grown) * (0.5 + chance / 2));
}

}  // namespace pgtls::sampling
