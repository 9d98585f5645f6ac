#include "exporter/metrics/series_cap.h"

#include <algorithm>
#include <tuple>
#include <vector>

namespace pgtls::metrics {

SeriesCap::Capped SeriesCap::Apply(const Tally& tally, std::size_t max_series, Fold fold) {
  struct Candidate {
    const Labels* labels;
    std::size_t count;
    std::size_t hash;
    bool was_kept;
  };
  std::vector<Candidate> candidates;
  candidates.reserve(tally.counts().size());
  const bool fits = tally.counts().size() <= max_series;
  for (const auto& [labels, count] : tally.counts()) {
    const std::size_t hash = LabelsHash()(labels);
    candidates.push_back({&labels, count, hash, !fits && std::ranges::binary_search(kept_, hash)});
  }
  if (!fits) {
    // First come, first served.
    std::ranges::sort(candidates, [](const Candidate& a, const Candidate& b) {
      return std::tie(b.was_kept, b.count, *a.labels) < std::tie(a.was_kept, a.count, *b.labels);
    });
  }

  Capped capped;
  kept_.clear();
  kept_.reserve(std::min(candidates.size(), max_series));
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const auto& [labels, count, hash, was_kept] = candidates[i];
    if (i < max_series) {
      capped.series[*labels] += count;
      kept_.push_back(hash);
    } else {
      capped.series[fold(*labels)] += count;
      capped.folded += count;
    }
  }
  std::ranges::sort(kept_);
  return capped;
}

}  // namespace pgtls::metrics
