// All that one collection knows of a server's pg_hba.conf, as a fact: rules, what they admit, and who comes in by
// which.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/hba/analysis.h"
#include "exporter/hba/catalog.h"
#include "exporter/hba/evaluator.h"
#include "exporter/hba/in_force.h"
#include "exporter/hba/rules.h"

namespace pgtls::hba {

// Open connections that pg_hba cannot tell apart.
struct OpenConnections {
  Connection connection;
  std::size_t count = 0;
};

struct Posture {
  std::shared_ptr<const RuleSet> file = std::make_shared<const RuleSet>();  // never null
  InForceView in_force;
  bool has_raw_text = false;  // the lines' own text was there, so quoted words are known
  // Absent: the cluster is too large, or the question too hard (AnalysisLimits).
  std::optional<Analysis> file_analysis;
  std::optional<Analysis> in_force_analysis;  // of in_force.rules
  bool analysed = false;                      // where an analysis is absent: it was tried, and is too hard
  Abilities abilities;
  Catalog catalog;
  RegexAnswers regexes;
  // Open TCP connections without encryption. Absent: not all connections may be seen, or the cluster is too large.
  std::optional<std::vector<OpenConnections>> plaintext;

  // Would PostgreSQL load the file at its next start? It does not start with a file that it refuses: one with an error
  // in any line, without an entry, missing or unreadable. (An error in pg_ident.conf does not stop it.)
  bool next_start_loads_file() const { return file->loadable(); }
  // The rules by which the server judges, as far as is known: those in force, else the file's.
  const RuleSet& judging() const { return in_force.rules ? *in_force.rules : *file; }
  // Can plaintext from this network get to authentication, by the file or by the rules in force? Never 'no' while they
  // may differ, or while a change waits: absent then, as where nothing is known.
  std::optional<bool> PlaintextAdmitted(Network network) const;
};

// A rule that can still admit plaintext.
struct PlaintextRule {
  Rule rule;
  bool certain = false;              // in force, and some connection is decided by it for sure
  std::vector<PlaintextPath> paths;  // one for each network
};

// Of the rules in force and of the file, each once. Empty where nothing is known, too.
std::vector<PlaintextRule> PlaintextRules(const Posture& posture);

// The rule that would admit the connection now; null where it is none, or cannot be told.
const Rule* AdmittingRule(const Posture& posture, const Connection& connection);

}  // namespace pgtls::hba
