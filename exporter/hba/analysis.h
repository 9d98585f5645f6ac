// How the rules, in order, treat all possible connections: which rules admit unencrypted connections, and which rules
// no connection reaches.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "exporter/hba/classes.h"

namespace pgtls::hba {

// A rule that can admit an unencrypted TCP connection from this network.
struct PlaintextPath {
  std::size_t rule;  // position in RuleSet::rules
  Network network;   // kLoopback or kRemote
  // Whether some connection is certainly admitted, at the latest by this rule: the rule matches, and every earlier rule
  // that may match (a host name, samenet) admits, too. Which of them admits it need not be known.
  bool certain;
  // An example of such a connection (see NameClass).
  std::optional<std::string> user;
  std::optional<std::string> database;
  bool replication = false;
  std::optional<IpAddress> address;
};

struct Analysis {
  std::vector<PlaintextPath> plaintext;  // at most one for each rule and network, by rule
  std::vector<std::size_t> shadowed;     // rules that no connection reaches, in order
  // Those of `shadowed` that match no connection at any position ("+group" of a group that does not exist). The others
  // are not reached because of the rules before them.
  std::vector<std::size_t> for_nobody;
  // How the privileged roles of the catalog come in unencrypted from other machines: at most one path for each, one
  // that is certain if there is any. Empty also if this would exceed max_work.
  std::vector<PlaintextPath> privileged;

  bool PlaintextAdmitted(Network network) const;
};

struct AnalysisLimits {
  std::size_t max_ranges = 20'000;
  // Words (64 rules) over all ranges, some tens of megabytes; checked before they are allocated.
  std::size_t max_range_words = 1'000'000;
  std::size_t max_pairs = 200'000;
  // Words (64 rules) that are compared, some tenths of a second of CPU time.
  std::size_t max_work = 200'000'000;
};

// Exact over the classes of classes.h. nullopt: a limit was exceeded, and nothing is known. Pure and CPU-bound: call it
// on a BlockingPool.
std::optional<Analysis> Analyse(const RuleSet& set, const Catalog& catalog, const RegexAnswers& regexes,
                                const AnalysisLimits& limits = {});

}  // namespace pgtls::hba
