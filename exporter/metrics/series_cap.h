// A limit on the series of one metric of one server, however many names and addresses connect.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <string_view>
#include <tuple>
#include <vector>

#include "exporter/metrics/tally.h"

namespace pgtls::metrics {

// Replaces names and addresses in folded series. A role with this name is counted together with them.
inline constexpr std::string_view kOther = "__other__";

// Connections by key, each of which becomes one series.
template <typename Key>
struct Capped {
  std::map<Key, std::size_t> series;
  std::size_t folded = 0;  // connections in folded series
};

// Remembers which keys have a series, so that series do not come and go. Not thread-safe. Key::Folded() is the key of
// the folded series: names and addresses become kOther. Fields with few values (network, allowed, encryption …) are
// kept, so that sums by them are exact.
template <typename Key>
class SeriesCap {
 public:
  // At most `max_series` keys keep their own series: first those that had one at the last call, then those with more
  // connections, then in the order of the keys. The others are added to folded series, which are not limited.
  Capped<Key> Apply(const Tally<Key>& tally, std::size_t max_series) {
    const std::vector<Candidate> candidates = Ranked(tally, max_series);
    Capped<Key> capped;
    kept_.clear();
    kept_.reserve(std::min(candidates.size(), max_series));
    for (const Candidate& candidate : candidates) {
      if (kept_.size() < max_series) {
        capped.series[*candidate.key] += candidate.count;
        kept_.push_back(candidate.hash);
      } else {
        capped.series[candidate.key->Folded()] += candidate.count;
        capped.folded += candidate.count;
      }
    }
    std::ranges::sort(kept_);
    return capped;
  }

 private:
  struct Candidate {
    const Key* key;
    std::size_t count;
    std::size_t hash;
    bool was_kept;
  };

  // Those that keep their series first.
  std::vector<Candidate> Ranked(const Tally<Key>& tally, std::size_t max_series) const {
    std::vector<Candidate> candidates;
    candidates.reserve(tally.counts().size());
    const bool fits = tally.counts().size() <= max_series;
    for (const auto& [key, count] : tally.counts()) {
      const std::size_t hash = HashOf(key);
      candidates.push_back({&key, count, hash, !fits && std::ranges::binary_search(kept_, hash)});
    }
    if (fits) return candidates;
    std::ranges::sort(candidates, [](const Candidate& a, const Candidate& b) {
      return std::tie(b.was_kept, b.count, *a.key) < std::tie(a.was_kept, a.count, *b.key);
    });
    return candidates;
  }

  // Hashes of their keys, sorted. Keys with the same hash may take each other's place; counts stay exact.
  std::vector<std::size_t> kept_;
};

}  // namespace pgtls::metrics
