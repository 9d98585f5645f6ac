// All possible connections as finitely many classes: two connections of one class match the same rules. A result that
// holds for all classes holds for every connection.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "exporter/base/net_address.h"
#include "exporter/base/protection.h"
#include "exporter/hba/catalog.h"
#include "exporter/hba/evaluator.h"
#include "exporter/hba/rule_bits.h"
#include "exporter/hba/rules.h"

namespace pgtls::hba {

// The origin of connections: a range of addresses (or the Unix socket) with one kind of encryption.
struct OriginClass {
  Network network;
  Encryption encryption;
  std::optional<IpAddress> example;  // one of its addresses; absent: the Unix socket
  MatchBits matches;
};

// The names in connections: a user with a database, or with physical replication.
struct NameClass {
  // One of its pairs. Absent: a name that is neither in the cluster nor in the rules (if both are absent in a related
  // pair: the same name).
  std::optional<std::string> user;
  std::optional<std::string> database;
  bool replication = false;
  MatchBits matches;
};

// Returns the classes of origins. The ranges that the rules name are cut at each other's ends; these pieces, and the
// ranges between them, form one class if they match the same rules. nullopt: more ranges than `max_ranges` (a mask that
// is not a prefix has many pieces), or more than `max_range_words` words of 64 rules over all of them.
std::optional<std::vector<OriginClass>> OriginClasses(const RuleSet& set, std::size_t max_ranges,
                                                      std::size_t max_range_words);

// Returns the classes of the pairs of each user alone, with every database and with replication.
std::vector<std::vector<NameClass>> NameClassesOf(const std::vector<std::string>& users, const RuleSet& set,
                                                  const Catalog& catalog, const RegexAnswers& regexes);

// Returns the classes of pairs, over all roles and databases of the catalog, all names in the rules, and any other
// name. A regular expression that the server did not evaluate for a name may match it. nullopt: more pairs than
// `max_pairs`.
std::optional<std::vector<NameClass>> NameClasses(const RuleSet& set, const Catalog& catalog,
                                                  const RegexAnswers& regexes, std::size_t max_pairs);

}  // namespace pgtls::hba
