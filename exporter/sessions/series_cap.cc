#include "exporter/sessions/series_cap.h"

#include <algorithm>
#include <tuple>
#include <vector>

namespace pgtls::sessions {

SeriesCap::Capped SeriesCap::Apply(const Tally& tally, std::size_t max_series, Fold fold) {
  struct Candidate {
    const Labels* labels;
    std::size_t count;
    bool was_kept;
  };
  std::vector<Candidate> candidates;
  candidates.reserve(tally.counts().size());
  const bool fits = tally.counts().size() <= max_series;
  for (const auto& [labels, count] : tally.counts()) {
    candidates.push_back({&labels, count, !fits && kept_.contains(labels)});
  }
  if (!fits) {
    // First who comes first.
    std::ranges::sort(candidates, [](const Candidate& a, const Candidate& b) {
      return std::tie(b.was_kept, b.count, *a.labels) < std::tie(a.was_kept, a.count, *b.labels);
    });
  }

  Capped capped;
  kept_.clear();
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const auto& [labels, count, was_kept] = candidates[i];
    if (i < max_series) {
      capped.series[*labels] += count;
      kept_.insert(*labels);
    } else {
      capped.series[fold(*labels)] += count;
      capped.folded += count;
    }
  }
  return capped;
}

}  // namespace pgtls::sessions
