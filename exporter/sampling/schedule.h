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

// A server that gave its session lane no connection, or none that lasted.
struct Trouble {
  int failures = 1;       // in a row
  bool silent = false;    // no answer in time
  bool overload = false;  // most of the servers that are asked answer late
};

// When it is tried again: after twice as long with each failure, at most after `shortest`, the shortest of its
// collectors' intervals. A server that is silent has too much to do, and each attempt is more of it: up to a minute. So
// it is with all of them under overload: up to four intervals. Of that, by `chance` (0 … 1), at least half.
std::chrono::milliseconds Backoff(const Trouble& trouble, std::chrono::milliseconds shortest, double chance);

}  // namespace pgtls::sampling
