// A limit on the series of one metric of one server, however many names and addresses connect.
#pragma once

#include <cstddef>
#include <map>
#include <string_view>
#include <vector>

#include "exporter/metrics/tally.h"

namespace pgtls::metrics {

// Replaces names and addresses in folded series. A role with this name is counted together with them.
inline constexpr std::string_view kOther = "__other__";

// Changes the label set of a connection to that of its folded series: names and addresses become kOther. Labels with
// few values (network, allowed, encryption …) are kept, so that sums by them are exact.
using Fold = Labels (*)(const Labels&);

// Remembers which label sets have a series, so that series do not come and go. Not thread-safe.
class SeriesCap {
 public:
  struct Capped {
    std::map<Labels, std::size_t> series;
    std::size_t folded = 0;  // connections in folded series
  };

  // At most `max_series` label sets keep their own series: first those that had one at the last call, then those with
  // more connections, then in the order of the labels. The others are added to folded series, which are not limited.
  Capped Apply(const Tally& tally, std::size_t max_series, Fold fold);

 private:
  // Hashes of their label sets, sorted. Label sets with the same hash may take each other's place; counts stay exact.
  std::vector<std::size_t> kept_;
};

}  // namespace pgtls::metrics
