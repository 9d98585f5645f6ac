// When collectors run.
#pragma once

#include <chrono>

#include "exporter/base/deadline.h"

namespace pgtls::sampling {

// The last of sixty beats of an interval, at or before `due`. The beats are the same for all servers: the loop wakes up
// once for all that is due on one, and a fleet of a thousand does not wake it up a thousand times. Before rather than
// after: the time that a run takes, from its beat on, does not add up.
Deadline LastBeat(Deadline due, std::chrono::milliseconds interval);

// How long after its first run a collector runs for the second time, so that servers that began together are apart from
// then on, and the collectors of one server still together: `phase` (0 … 1) is the server's, of `shortest`, the
// shortest of their intervals; `chance` (0 … 1) is the collector's own. More than 0, at most `interval`.
// REQUIRES: shortest <= interval.
std::chrono::milliseconds SecondRun(std::chrono::milliseconds interval, std::chrono::milliseconds shortest,
                                    double phase, double chance);

}  // namespace pgtls::sampling
