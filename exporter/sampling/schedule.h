// When collectors run.
#pragma once

#include <chrono>

#include "exporter/base/deadline.h"

namespace pgtls::sampling {

// The last of an interval's sixty ticks at or before `due`. All servers share the ticks, so the loop wakes up once per
// tick and not once per server. At or before, not after: otherwise the duration of each run would delay the next one.
Deadline LastBeat(Deadline due, std::chrono::milliseconds interval);

// The time between the first and the second run of a collector. It spreads servers that started together, and keeps the
// collectors of one server together: `phase` (0 … 1) is the server's, as a fraction of `shortest`, the shortest of
// their intervals; `chance` (0 … 1) is the collector's own. More than 0, at most `interval`. REQUIRES: shortest <=
// interval.
std::chrono::milliseconds SecondRun(std::chrono::milliseconds interval, std::chrono::milliseconds shortest,
                                    double phase, double chance);

// A server whose session lane got no connection, or lost it at once.
struct Trouble {
  int failures = 1;       // in a row
  bool silent = false;    // no answer in time
  bool overload = false;  // most of the servers that are asked answer late
};

// The time until the next attempt. It doubles with each failure, up to `shortest`, the shortest of the collectors'
// intervals; up to a minute if the server is silent, because each attempt adds to its load; up to four intervals under
// overload. `chance` (0 … 1) shortens it to no less than half.
std::chrono::milliseconds Backoff(const Trouble& trouble, std::chrono::milliseconds shortest, double chance);

}  // namespace pgtls::sampling
