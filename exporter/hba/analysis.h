// What the rules in order do to all connections that could come: who gets in without encryption, and which rules nobody
// reaches.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "exporter/hba/classes.h"

namespace pgtls::hba {

// A rule that can still admit a connection that is not encrypted, over TCP from this network.
struct PlaintextPath {
  std::size_t rule;  // position in RuleSet::rules
  Network network;   // kLoopback or kRemote
  // Some connection is decided by this rule for sure; else it only may be (a host name, or an undecided rule stands
  // before it).
  bool certain;
  // One connection that takes it (see NameClass).
  std::optional<std::string> user;
  std::optional<std::string> database;
  bool replication = false;
  std::optional<IpAddress> address;
};

struct Analysis {
  std::vector<PlaintextPath> plaintext;  // at most one for each rule and network, by rule
  std::vector<std::size_t> shadowed;     // no connection comes to these rules

  bool PlaintextAdmitted(Network network) const;
};

struct AnalysisLimits {
  std::size_t max_ranges = 20'000;
  std::size_t max_pairs = 200'000;
  // Words (64 rules) that are compared: some tenths of a second of CPU.
  std::size_t max_work = 200'000'000;
};

// Exact over the classes of classes.h. nullopt: past the limits, nothing is known. A pure function, CPU-bound: call it
// on a pool.
std::optional<Analysis> Analyse(const RuleSet& set, const Catalog& catalog, const RegexAnswers& regexes,
                                const AnalysisLimits& limits = {});

}  // namespace pgtls::hba
