// All connections that could ever come, as finitely many classes: two connections of one class match the same rules.
// What the analysis says over classes holds for every connection.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "exporter/base/net_address.h"
#include "exporter/hba/catalog.h"
#include "exporter/hba/evaluator.h"
#include "exporter/hba/rule_bits.h"
#include "exporter/hba/rules.h"

namespace pgtls::hba {

enum class Network { kLocal, kLoopback, kRemote };

// Where from and how: a range of addresses (or the Unix socket) with one kind of encryption.
struct OriginClass {
  Network network;
  Encryption encryption;
  std::optional<IpAddress> example;  // one of its addresses; absent: the Unix socket
  MatchBits matches;
};

// Who and what: a user with a database, or with physical replication.
struct NameClass {
  // One of its pairs. Absent: a name that neither the cluster nor the rules know (both absent in a related pair: the
  // same name).
  std::optional<std::string> user;
  std::optional<std::string> database;
  bool replication = false;
  MatchBits matches;
};

// The classes of origins: the ranges that the rules name, cut along each other, and what lies between them, each in one
// class with all that match the same rules. nullopt: more ranges than `max_ranges` (masks that are no prefix fall into
// many pieces), or more than `max_range_words` words of 64 rules over all of them.
std::optional<std::vector<OriginClass>> OriginClasses(const RuleSet& set, std::size_t max_ranges,
                                                      std::size_t max_range_words);

// The classes of pairs, over all roles and databases of the catalog, all names in the rules, and any other name. A
// regular expression over a name that the server was not asked about may match. nullopt: more pairs than `max_pairs`.
std::optional<std::vector<NameClass>> NameClasses(const RuleSet& set, const Catalog& catalog,
                                                  const RegexAnswers& regexes, std::size_t max_pairs);

}  // namespace pgtls::hba
