// What one collection found out about a server's pg_hba.conf: the rules, what they admit, and which rule admits the
// open unencrypted connections.
#pragma once

#include <compare>
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
#include "exporter/hba/ident_maps.h"
#include "exporter/hba/in_force.h"
#include "exporter/hba/rules.h"

namespace pgtls::hba {

// Open unencrypted TCP connections that are shown together.
struct PlaintextClients {
  std::string user;
  std::string database;      // empty for physical replication
  std::optional<Cidr> from;  // absent: the server cannot print the address

  friend auto operator<=>(const PlaintextClients&, const PlaintextClients&) = default;
};

struct Posture {
  std::shared_ptr<const RuleSet> file = std::make_shared<const RuleSet>();  // never null
  InForceView in_force;
  bool has_raw_text = false;  // whether the text of the lines was readable, so that quoted words are known
  // Absent: the cluster is too large, or a limit was exceeded (AnalysisLimits).
  std::optional<Analysis> file_analysis;
  std::optional<Analysis> in_force_analysis;  // of in_force.rules
  bool analysed = false;                      // whether an absent analysis was tried, and exceeded a limit
  Abilities abilities;
  Catalog catalog;
  RegexAnswers regexes;
  bool knows_options = true;      // whether the options of rules were readable: map=
  std::optional<IdentMaps> maps;  // absent: not known; also where no rule names one
  // The rule of judging() that would admit these clients now; null if it is not known, or not the same for all of them.
  // Absent: the open connections are not known, or the cluster is too large.
  std::optional<std::map<PlaintextClients, const Rule*>> plaintext;

  // Whether PostgreSQL would load the file at its next start. It does not start with a file that it refuses: one with
  // an error in any line, without an entry, missing or unreadable. (An error in pg_ident.conf does not prevent the
  // start.)
  bool next_start_loads_file() const { return file->loadable(); }
  // The rules that the server applies, as far as known: those in force, else those in the file.
  const RuleSet& judging() const { return in_force.rules ? *in_force.rules : *file; }
  // Whether an unencrypted connection from this network can reach authentication, by the file or by the rules in force.
  // Never false while the two may differ or a change is not loaded: it is absent then, as if nothing is known.
  std::optional<bool> PlaintextAdmitted(Network network) const;
  // By the rules in force, whatever host names and the server's own addresses are. Absent: these rules are not known,
  // or too hard to analyse.
  std::optional<bool> PlaintextCertain(Network network) const;
};

// A rule that can admit unencrypted connections.
struct PlaintextRule {
  Rule rule;
  bool certain = false;  // in force, and some connection is certainly admitted by it
  // One for each network; `certain` only of a rule in force.
  std::vector<PlaintextPath> paths;
};

// Such rules, in force or in the file, each once. Empty also if nothing is known.
std::vector<PlaintextRule> PlaintextRules(const Posture& posture);

// The rule that would admit the connection now; null if there is none or it is unknown.
const Rule* AdmittingRule(const Posture& posture, const Connection& connection);

}  // namespace pgtls::hba
