#include "exporter/sampling/schedule.h"

#include <algorithm>
#include <cstdint>

namespace pgtls::sampling {

using std::chrono::milliseconds;

Deadline LastBeat(Deadline due, milliseconds interval) {
  const auto beat = std::chrono::duration_cast<Deadline::duration>(interval) / 60;
  return due - due.time_since_epoch() % beat;
}

milliseconds SecondRun(milliseconds interval, milliseconds shortest, double phase, double chance) {
  const auto rounds = static_cast<double>(interval / shortest);
  const auto round = std::min(static_cast<std::int64_t>(rounds * chance), interval / shortest - 1);
  const milliseconds part(static_cast<std::int64_t>(static_cast<double>(shortest.count()) * phase));
  return std::max(part, milliseconds(1)) + round * shortest;
}

}  // namespace pgtls::sampling
