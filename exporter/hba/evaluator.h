// Which rule of pg_hba.conf decides over a connection? As check_hba in PostgreSQL's src/backend/libpq/hba.c (14 to 18),
// in three values: what depends on the server's resolver, its interfaces or a question nobody asked it *may* match.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "exporter/base/net_address.h"
#include "exporter/hba/catalog.h"
#include "exporter/hba/rules.h"

namespace pgtls::hba {

enum class Encryption { kNone, kTls, kGss };

struct Connection {
  std::string user;
  std::string database;
  std::optional<IpAddress> address;  // absent: a Unix socket
  Encryption encryption = Encryption::kNone;
  // Physical replication: `database` is of no account. A walsender with a database is an ordinary connection.
  bool replication = false;
  bool client_certificate = false;  // presents one that the server can verify
};

enum class Match { kNo, kMay, kYes };

// The parts of a rule, each alone.
bool TypeMatches(RuleType type, bool unix_socket, Encryption encryption);
Match AddressMatches(const AddressMatch& rule, const IpAddress& address);
Match RuleMatches(const Rule& rule, const Connection& connection, const Catalog& catalog, const RegexAnswers& regexes);

struct Verdict {
  enum class Outcome { kAdmitted, kRejected, kUndecided };
  // kAdmitted: to authentication. Decided also where the rule is not, if all rules that come into question agree.
  Outcome outcome = Outcome::kRejected;
  // The first rule that matches for sure, as a position in RuleSet::rules. Absent: none does, and none left is a
  // rejection.
  std::optional<std::size_t> rule;
  // Rules before it that may match, in order. Empty: `rule` decides.
  std::vector<std::size_t> may_match;
  // The deciding rule asks for a client certificate, and there is none.
  bool lacks_client_certificate = false;
  // The verdict rests on a rule read under the assumption that its words are not quoted.
  bool assumed = false;
};

// REQUIRES: set.loadable().
Verdict Evaluate(const RuleSet& set, const Connection& connection, const Catalog& catalog, const RegexAnswers& regexes);

// Does this rule let the connection, which it matches, get to authentication?
bool Admits(const Rule& rule, const Connection& connection);

// Why a rule may match, for people; empty where nothing of it is undecided.
std::string WhyUndecided(const Rule& rule, const Connection& connection, const Catalog& catalog,
                         const RegexAnswers& regexes);

}  // namespace pgtls::hba
