// How a fleet comes up after the exporter's start: when all sessions are known, when everything is, and how it goes on
// where there is more to do than the machine can.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "tests/bench/fleet.h"

namespace pgtls::bench {

struct StartUp {
  double sessions_s;    // until the sessions of every server were collected once
  double everything_s;  // until every enabled collector had succeeded on every server
};

// Starts the exporter for all servers of `fleet` and watches its page. Throws std::runtime_error where it takes longer
// than 15 minutes.
StartUp MeasureStartUp(const std::string& program, const Fleet& fleet, const std::vector<std::string>& arguments);

struct Overload {
  int most_up = 0;   // servers that were up, at most …
  int least_up = 0;  // … at least after that …
  int last_up = 0;   // … and at the end
  long logins = 0;
  long collections = 0;  // of the sessions
  long timeouts = 0;     // logged
};

// The exporter with sessions, settings and hba on every server of `fleet`, for `duration` from its start. Where they
// are fewer than 1,000, intervals and timeouts are shorter in proportion: as much to do at once for each second.
Overload MeasureOverload(const std::string& program, const Fleet& fleet, std::chrono::seconds duration);

}  // namespace pgtls::bench
