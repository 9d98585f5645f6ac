// A bound on the series of one metric of one server, however many names and addresses connect.
#pragma once

#include <cstddef>
#include <map>
#include <string_view>
#include <vector>

#include "exporter/metrics/tally.h"

namespace pgtls::metrics {

// Stands for the names and addresses of what was folded. A role may be called this: it is then counted together with
// them.
inline constexpr std::string_view kOther = "__other__";

// Turns the label set of a connection into that of its folded series: names and addresses become kOther, everything
// that has few values (network, allowed, encryption …) stays, so that sums by those are exact whatever is folded.
using Fold = Labels (*)(const Labels&);

// Remembers who has a series, so that this does not flap. Not thread-safe.
class SeriesCap {
 public:
  struct Capped {
    std::map<Labels, std::size_t> series;
    std::size_t folded = 0;  // connections that are counted in folded series
  };

  // At most `max_series` label sets keep their own series: those that had one at the last call, then those with more
  // connections, then in the labels' order. The rest goes to the folded series, which come on top.
  Capped Apply(const Tally& tally, std::size_t max_series, Fold fold);

 private:
  // Hashes of their label sets, sorted. Two that share one may take each other's place, which costs nobody a count.
  std::vector<std::size_t> kept_;
};

}  // namespace pgtls::metrics
