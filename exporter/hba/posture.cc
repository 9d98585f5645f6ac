#include "exporter/hba/posture.h"

#include <algorithm>

namespace pgtls::hba {
namespace {

void AddPaths(const RuleSet& set, const Analysis& analysis, bool in_force, std::vector<PlaintextRule>& rules) {
  for (const PlaintextPath& path : analysis.plaintext) {
    const Rule& rule = set.rules[path.rule];
    auto found = std::ranges::find(rules, rule, &PlaintextRule::rule);
    if (found == rules.end()) found = rules.insert(rules.end(), {rule, false, {}});
    const bool known = std::ranges::find(found->paths, path.network, &PlaintextPath::network) != found->paths.end();
    if (!known) {
      found->paths.push_back(path);
      found->paths.back().certain = in_force && path.certain;
    }
    found->certain = found->certain || (in_force && path.certain);
  }
}

}  // namespace

std::optional<bool> Posture::PlaintextAdmitted(Network network) const {
  const bool by_file = file_analysis && file_analysis->PlaintextAdmitted(network);
  const bool by_force = in_force_analysis && in_force_analysis->PlaintextAdmitted(network);
  if (by_file || by_force) return true;
  // False is certain only if the rules in force are known to be those in the file.
  if (in_force.pending != false || !in_force_analysis) return std::nullopt;
  return false;
}

std::optional<bool> Posture::PlaintextCertain(Network network) const {
  if (!in_force_analysis) return std::nullopt;
  return std::ranges::any_of(in_force_analysis->plaintext,
                             [&](const PlaintextPath& path) { return path.network == network && path.certain; });
}

std::vector<PlaintextRule> PlaintextRules(const Posture& posture) {
  std::vector<PlaintextRule> rules;
  if (posture.in_force_analysis) AddPaths(*posture.in_force.rules, *posture.in_force_analysis, true, rules);
  if (posture.file_analysis) AddPaths(*posture.file, *posture.file_analysis, false, rules);
  return rules;
}

const Rule* AdmittingRule(const Posture& posture, const Connection& connection) {
  const RuleSet& set = posture.judging();
  const Verdict verdict = Evaluate(set, connection, posture.catalog, posture.regexes, posture.abilities);
  std::vector<std::size_t> in_question = verdict.may_match;
  if (verdict.rule) in_question.push_back(*verdict.rule);
  // The connection is open, so a rule admitted it: if only one of the possible rules admits, it is that one.
  std::erase_if(in_question,
                [&](std::size_t rule) { return Admits(set.rules[rule], connection, posture.abilities) == Match::kNo; });
  return in_question.size() == 1 ? &set.rules[in_question.front()] : nullptr;
}

}  // namespace pgtls::hba
