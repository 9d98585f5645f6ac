#include "exporter/hba/analysis.h"

#include <algorithm>
#include <bit>
#include <map>

namespace pgtls::hba {
namespace {

// The rules that one class of connections comes to: all that may match, up to and with the first that matches for sure.
struct Walk {
  RuleBits reached;
  std::size_t decided_by = RuleBits::kNone;  // the only rule reached, and it matches for sure
};

void WalkRules(const MatchBits& origin, const MatchBits& names, Walk& walk) {
  walk.decided_by = RuleBits::kNone;
  std::size_t seen = 0;
  bool ended = false;
  for (std::size_t i = 0; i < walk.reached.words(); ++i) {
    std::uint64_t possible = ended ? 0 : origin.possible.word(i) & names.possible.word(i);
    const std::uint64_t certain = ended ? 0 : origin.certain.word(i) & names.certain.word(i);
    if (certain != 0) {
      const int first = std::countr_zero(certain);
      possible &= ~std::uint64_t{0} >> (63 - first);
      ended = true;
      if (seen + static_cast<std::size_t>(std::popcount(possible)) == 1) {
        walk.decided_by = i * 64 + static_cast<std::size_t>(first);
      }
    }
    seen += static_cast<std::size_t>(std::popcount(possible));
    walk.reached.SetWord(i, possible);
  }
}

class PlaintextPaths {
 public:
  explicit PlaintextPaths(const RuleSet& set) : set_(set) {}

  void Add(const OriginClass& origin, const NameClass& names, const Walk& walk) {
    for (std::size_t i = 0; i < walk.reached.words(); ++i) {
      for (std::uint64_t word = walk.reached.word(i); word != 0; word &= word - 1) {
        const std::size_t rule = i * 64 + static_cast<std::size_t>(std::countr_zero(word));
        if (set_.rules[rule].rejects()) continue;
        const bool certain = walk.decided_by == rule;
        const auto [at, is_new] = paths_.try_emplace({rule, origin.network});
        if (!is_new && (at->second.certain || !certain)) continue;
        at->second = {rule, origin.network, certain, names.user, names.database, names.replication, origin.example};
      }
    }
  }
  std::vector<PlaintextPath> Take() const {
    std::vector<PlaintextPath> result;
    result.reserve(paths_.size());
    for (const auto& [key, path] : paths_) result.push_back(path);
    return result;
  }

 private:
  const RuleSet& set_;
  std::map<std::pair<std::size_t, Network>, PlaintextPath> paths_;
};

}  // namespace

bool Analysis::PlaintextAdmitted(Network network) const {
  return std::any_of(plaintext.begin(), plaintext.end(), [&](const auto& path) { return path.network == network; });
}

std::optional<Analysis> Analyse(const RuleSet& set, const Catalog& catalog, const RegexAnswers& regexes,
                                const AnalysisLimits& limits) {
  const auto origins = OriginClasses(set, limits.max_ranges);
  if (!origins) return std::nullopt;
  const auto names = NameClasses(set, catalog, regexes, limits.max_pairs);
  if (!names) return std::nullopt;
  Walk walk{RuleBits(set.rules.size())};
  if (origins->size() * names->size() * std::max<std::size_t>(walk.reached.words(), 1) > limits.max_work) {
    return std::nullopt;
  }

  RuleBits reached(set.rules.size());
  PlaintextPaths paths(set);
  for (const OriginClass& origin : *origins) {
    const bool plaintext = origin.network != Network::kLocal && origin.encryption == Encryption::kNone;
    for (const NameClass& pair : *names) {
      WalkRules(origin.matches, pair.matches, walk);
      reached |= walk.reached;
      if (plaintext) paths.Add(origin, pair, walk);
    }
  }

  Analysis analysis;
  analysis.plaintext = paths.Take();
  for (std::size_t i = 0; i < set.rules.size(); ++i) {
    if (!reached.Test(i)) analysis.shadowed.push_back(i);
  }
  return analysis;
}

}  // namespace pgtls::hba
