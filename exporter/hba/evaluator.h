// Which rule of pg_hba.conf decides about a connection, as check_hba in PostgreSQL's src/backend/libpq/hba.c (14 to 19)
// does it, with three values: a rule *may* match if that depends on the server's name resolution, its interfaces, or a
// regular expression that was not evaluated.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "exporter/base/net_address.h"
#include "exporter/base/protection.h"
#include "exporter/hba/catalog.h"
#include "exporter/hba/rules.h"

namespace pgtls::hba {

struct Connection {
  std::string user;
  std::string database;
  std::optional<IpAddress> address;  // absent: a Unix socket
  Encryption encryption = Encryption::kNone;
  // Physical replication: `database` is ignored. A walsender with a database is an ordinary connection.
  bool replication = false;
  bool client_certificate = false;  // the client presents one that the server can verify
  // False: over TCP from an address that the server cannot print; `address` is then any address.
  bool address_known = true;
};

// What the server's settings allow, whatever the rules are. Absent: not known.
struct Abilities {
  std::optional<bool> tls = true;                  // ssl = on
  std::optional<bool> client_certificates = true;  // ssl_ca_file is set: else the server can verify none, and refuses
                                                   // every client by a rule that asks for one
  friend bool operator==(const Abilities&, const Abilities&) = default;
};

enum class Match { kNo, kMay, kYes };

// Whether the parts of a rule match.
bool TypeMatches(RuleType type, bool unix_socket, Encryption encryption);
Match AddressMatches(const AddressMatch& rule, const IpAddress& address);
Match RuleMatches(const Rule& rule, const Connection& connection, const Catalog& catalog, const RegexAnswers& regexes);

struct Verdict {
  enum class Outcome { kAdmitted, kRejected, kUndecided };
  // kAdmitted: to authentication. If it is unknown which rule decides, the outcome is decided if all of them agree.
  Outcome outcome = Outcome::kRejected;
  // The first rule that certainly matches, as a position in RuleSet::rules. Absent: no rule does, which rejects the
  // connection.
  std::optional<std::size_t> rule;
  // Rules before it that may match, in order. Empty: `rule` decides.
  std::vector<std::size_t> may_match;
  // Why the deciding rule rejects although its method is not `reject`.
  enum class Refusal {
    kNone,
    kNoClientCertificate,  // it requires one, and the client has none
    kNoClientCa,           // it requires one, and the server cannot verify any
  };
  Refusal refusal = Refusal::kNone;
  // The connection cannot exist: it is TLS, and ssl = off.
  bool tls_is_off = false;
  // The verdict depends on a rule that was read under the assumption that its words are not quoted.
  bool assumed = false;
};

// REQUIRES: set.loadable().
Verdict Evaluate(const RuleSet& set, const Connection& connection, const Catalog& catalog, const RegexAnswers& regexes,
                 const Abilities& abilities = {});

// Whether this rule admits a connection that it matches to authentication.
Match Admits(const Rule& rule, const Connection& connection, const Abilities& abilities);
// Whether this rule admits no connection at all to authentication.
bool AdmitsNobody(const Rule& rule, const Abilities& abilities);

// Returns why a rule may match, as text for people; empty if nothing about it is undecided.
std::string WhyUndecided(const Rule& rule, const Connection& connection, const Catalog& catalog,
                         const RegexAnswers& regexes);

}  // namespace pgtls::hba
