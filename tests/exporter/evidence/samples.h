// Evidence about made-up servers.
#pragma once

#include "exporter/evidence/evidence.h"

namespace pgtls::evidence {

inline Time At(int second) { return Time(std::chrono::seconds(1'764'288'000 + second)); }  // 2025-11-28 00:00:00 UTC
inline TimeRange Range(int begin, int end) { return {At(begin), At(end)}; }

constexpr int kPeriod = 7200;

// Observed all the time, and each session was in a sample.
inline ServerEvidence Proven() {
  return {.server = "orders",
          .period = Range(0, kPeriod),
          .known = true,
          .resolution = std::chrono::seconds(15),
          .observed = {Range(0, kPeriod)},
          .exporters = {{.exporter = {"pg_tls", "mon1:9743"},
                         .observed = {Range(0, kPeriod)},
                         .established = 40,
                         .seen = {{{"local", "none"}, 2}, {{"remote", "tls"}, 38}},
                         .unencrypted = {{{"loopback", "false"}, 0},
                                         {{"loopback", "true"}, 0},
                                         {{"remote", "false"}, 0},
                                         {{"remote", "true"}, 0}}}}};
}

}  // namespace pgtls::evidence
