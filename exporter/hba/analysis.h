// What the rules in order do to all connections that could come: which admit connections without encryption, and which
// rules no connection reaches.
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
  // Some connection is admitted for sure, at the latest by this rule: it matches, and every rule before it that may
  // match (a host name, samenet) admits too. Which of them admits need not be known.
  bool certain;
  // One connection that takes it (see NameClass).
  std::optional<std::string> user;
  std::optional<std::string> database;
  bool replication = false;
  std::optional<IpAddress> address;
};

struct Analysis {
  std::vector<PlaintextPath> plaintext;  // at most one for each rule and network, by rule
  std::vector<std::size_t> shadowed;     // no connection comes to these rules: in order
  // Of those the ones that match no connection wherever they stand ("+group" of a group that does not exist); to the
  // others no connection comes because of the rules before them.
  std::vector<std::size_t> for_nobody;

  bool PlaintextAdmitted(Network network) const;
};

struct AnalysisLimits {
  std::size_t max_ranges = 20'000;
  // Words (64 rules) over all ranges: some tens of megabytes. Checked before they are allocated.
  std::size_t max_range_words = 1'000'000;
  std::size_t max_pairs = 200'000;
  // Words (64 rules) that are compared: some tenths of a second of CPU.
  std::size_t max_work = 200'000'000;
};

// Exact over the classes of classes.h. nullopt: past the limits, nothing is known. A pure function, CPU-bound: call it
// on a pool.
std::optional<Analysis> Analyse(const RuleSet& set, const Catalog& catalog, const RegexAnswers& regexes,
                                const AnalysisLimits& limits = {});

}  // namespace pgtls::hba
