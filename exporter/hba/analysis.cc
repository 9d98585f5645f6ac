#include "exporter/hba/analysis.h"

#include <algorithm>
#include <bit>
#include <map>

namespace pgtls::hba {
namespace {

// The rules that one class of connections reaches: all that may match, up to and including the first that certainly
// matches.
struct Walk {
  RuleBits reached;
  std::size_t ended_by = RuleBits::kNone;  // the last rule reached, if it certainly matches
};

void WalkRules(const MatchBits& origin, const MatchBits& names, Walk& walk) {
  walk.ended_by = RuleBits::kNone;
  for (std::size_t i = 0; i < walk.reached.words(); ++i) {
    const bool ended = walk.ended_by != RuleBits::kNone;
    std::uint64_t possible = ended ? 0 : origin.possible.word(i) & names.possible.word(i);
    const std::uint64_t certain = ended ? 0 : origin.certain.word(i) & names.certain.word(i);
    if (certain != 0) {
      const int first = std::countr_zero(certain);
      possible &= ~std::uint64_t{0} >> (63 - first);
      walk.ended_by = i * 64 + static_cast<std::size_t>(first);
    }
    walk.reached.SetWord(i, possible);
  }
}

// Which rules match at all, at any position.
void AddMatching(const MatchBits& origin, const MatchBits& names, RuleBits& matching) {
  for (std::size_t i = 0; i < matching.words(); ++i) {
    matching.SetWord(i, matching.word(i) | (origin.possible.word(i) & names.possible.word(i)));
  }
}

class PlaintextPaths {
 public:
  explicit PlaintextPaths(const RuleSet& set) : rejecting_(set.rules.size()) {
    for (std::size_t i = 0; i < set.rules.size(); ++i) {
      if (set.rules[i].rejects()) rejecting_.Set(i);
    }
  }

  void Add(const OriginClass& origin, const NameClass& names, const Walk& walk) {
    bool may_reject = false;
    for (std::size_t i = 0; i < walk.reached.words(); ++i) {
      may_reject = may_reject || (walk.reached.word(i) & rejecting_.word(i)) != 0;
    }
    for (std::size_t i = 0; i < walk.reached.words(); ++i) {
      for (std::uint64_t word = walk.reached.word(i) & ~rejecting_.word(i); word != 0; word &= word - 1) {
        const std::size_t rule = i * 64 + static_cast<std::size_t>(std::countr_zero(word));
        const bool certain = walk.ended_by == rule && !may_reject;
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
  RuleBits rejecting_;
  std::map<std::pair<std::size_t, Network>, PlaintextPath> paths_;
};

bool IsPlaintext(const OriginClass& origin) {
  return origin.network != Network::kLocal && origin.encryption == Encryption::kNone;
}

std::vector<PlaintextPath> PrivilegedPaths(const RuleSet& set, const std::vector<OriginClass>& origins,
                                           const Catalog& catalog, const RegexAnswers& regexes,
                                           const AnalysisLimits& limits) {
  std::vector<std::string> users;
  if (catalog.privileged()) {
    for (const PrivilegedRole& role : catalog.privileged()->roles) users.push_back(role.name);
  }
  std::vector<PlaintextPath> result;
  Walk walk{RuleBits(set.rules.size())};
  std::size_t work = 0;
  for (const std::vector<NameClass>& names : NameClassesOf(users, set, catalog, regexes)) {
    work += origins.size() * names.size() * std::max<std::size_t>(walk.reached.words(), 1);
    if (work > limits.max_work) return {};
    PlaintextPaths paths(set);
    for (const OriginClass& origin : origins) {
      if (!IsPlaintext(origin) || origin.network != Network::kRemote) continue;
      for (const NameClass& pair : names) {
        WalkRules(origin.matches, pair.matches, walk);
        paths.Add(origin, pair, walk);
      }
    }
    const std::vector<PlaintextPath> found = paths.Take();
    const auto certain = std::ranges::find(found, true, &PlaintextPath::certain);
    if (!found.empty()) result.push_back(certain == found.end() ? found.front() : *certain);
  }
  return result;
}

}  // namespace

bool Analysis::PlaintextAdmitted(Network network) const {
  return std::any_of(plaintext.begin(), plaintext.end(), [&](const auto& path) { return path.network == network; });
}

std::optional<Analysis> Analyse(const RuleSet& set, const Catalog& catalog, const RegexAnswers& regexes,
                                const AnalysisLimits& limits) {
  const auto origins = OriginClasses(set, limits.max_ranges, limits.max_range_words);
  if (!origins) return std::nullopt;
  const auto names = NameClasses(set, catalog, regexes, limits.max_pairs);
  if (!names) return std::nullopt;
  Walk walk{RuleBits(set.rules.size())};
  if (origins->size() * names->size() * std::max<std::size_t>(walk.reached.words(), 1) > limits.max_work) {
    return std::nullopt;
  }

  RuleBits reached(set.rules.size());
  RuleBits matching(set.rules.size());
  PlaintextPaths paths(set);
  for (const OriginClass& origin : *origins) {
    const bool plaintext = IsPlaintext(origin);
    for (const NameClass& pair : *names) {
      WalkRules(origin.matches, pair.matches, walk);
      reached |= walk.reached;
      AddMatching(origin.matches, pair.matches, matching);
      if (plaintext) paths.Add(origin, pair, walk);
    }
  }

  Analysis analysis;
  analysis.plaintext = paths.Take();
  if (analysis.PlaintextAdmitted(Network::kRemote)) {
    analysis.privileged = PrivilegedPaths(set, *origins, catalog, regexes, limits);
  }
  for (std::size_t i = 0; i < set.rules.size(); ++i) {
    if (!reached.Test(i)) analysis.shadowed.push_back(i);
    if (!matching.Test(i)) analysis.for_nobody.push_back(i);
  }
  return analysis;
}

}  // namespace pgtls::hba
