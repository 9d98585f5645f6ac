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
  // False: over TCP from an address that the server cannot print; `address` stands for any.
  bool address_known = true;
};

// What the server's settings allow, whatever the rules say. Absent: not known.
struct Abilities {
  std::optional<bool> tls = true;                  // ssl = on
  std::optional<bool> client_certificates = true;  // ssl_ca_file is set: else the server can verify none, and refuses
                                                   // every client by a rule that asks for one
  friend bool operator==(const Abilities&, const Abilities&) = default;
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
  // Why the deciding rule rejects though it is no `reject`.
  enum class Refusal {
    kNone,
    kNoClientCertificate,  // it asks for one, and there is none
    kNoClientCa,           // it asks for one, and the server can verify none
  };
  Refusal refusal = Refusal::kNone;
  // The connection cannot exist: it is TLS, and ssl = off.
  bool tls_is_off = false;
  // The verdict rests on a rule read under the assumption that its words are not quoted.
  bool assumed = false;
};

// REQUIRES: set.loadable().
Verdict Evaluate(const RuleSet& set, const Connection& connection, const Catalog& catalog, const RegexAnswers& regexes,
                 const Abilities& abilities = {});

// Does this rule let the connection, which it matches, get to authentication?
Match Admits(const Rule& rule, const Connection& connection, const Abilities& abilities);
// Can this rule let any connection get to authentication?
bool AdmitsNobody(const Rule& rule, const Abilities& abilities);

// Why a rule may match, for people; empty where nothing of it is undecided.
std::string WhyUndecided(const Rule& rule, const Connection& connection, const Catalog& catalog,
                         const RegexAnswers& regexes);

}  // namespace pgtls::hba
