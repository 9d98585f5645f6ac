#include "exporter/hba/evaluator.h"

#include <strings.h>

#include <algorithm>

namespace pgtls::hba {
namespace {

Match FromAnswer(std::optional<bool> answer) {
  if (!answer) return Match::kMay;
  return *answer ? Match::kYes : Match::kNo;
}

Match FromBool(bool matches) { return matches ? Match::kYes : Match::kNo; }

Match DatabaseMatches(const NameMatch& match, const Connection& connection, const Catalog& catalog,
                      const RegexAnswers& regexes) {
  using Kind = NameMatch::Kind;
  if (connection.replication) return FromBool(match.kind == Kind::kReplication);
  switch (match.kind) {
    case Kind::kAll:
      return Match::kYes;
    case Kind::kSameUser:
      return FromBool(connection.database == connection.user);
    case Kind::kSameRole:
      return FromBool(catalog.IsMember(connection.user, connection.database));
    case Kind::kRegex:
      return FromAnswer(regexes.Get(match.text, connection.database));
    case Kind::kName:
      return FromBool(match.text == connection.database);
    case Kind::kReplication:
    case Kind::kGroup:
      break;
  }
  return Match::kNo;
}

Match UserMatches(const NameMatch& match, const std::string& user, const Catalog& catalog,
                  const RegexAnswers& regexes) {
  using Kind = NameMatch::Kind;
  switch (match.kind) {
    case Kind::kAll:
      return Match::kYes;
    case Kind::kGroup:
      return FromBool(catalog.IsMember(user, match.text));
    case Kind::kRegex:
      return FromAnswer(regexes.Get(match.text, user));
    case Kind::kName:
      return FromBool(match.text == user);
    case Kind::kSameUser:
    case Kind::kSameRole:
    case Kind::kReplication:
      break;
  }
  return Match::kNo;
}

template <typename F>
Match AnyOf(const std::vector<NameMatch>& matches, F one) {
  Match best = Match::kNo;
  for (const NameMatch& match : matches) best = std::max(best, one(match));
  return best;
}

Match DatabasesMatch(const Rule& rule, const Connection& connection, const Catalog& catalog,
                     const RegexAnswers& regexes) {
  return AnyOf(rule.databases, [&](const NameMatch& m) { return DatabaseMatches(m, connection, catalog, regexes); });
}

Match UsersMatch(const Rule& rule, const Connection& connection, const Catalog& catalog, const RegexAnswers& regexes) {
  return AnyOf(rule.users, [&](const NameMatch& m) { return UserMatches(m, connection.user, catalog, regexes); });
}

bool MaskMatches(const AddressMatch& rule, const IpAddress& address) {
  // Families never match each other: an IPv4-mapped IPv6 address is IPv6 (check_ip in hba.c).
  if (rule.network.is_v4() != address.is_v4()) return false;
  for (std::size_t i = 0; i < static_cast<std::size_t>(address.bits()) / 8; ++i) {
    if (((rule.network.bytes()[i] ^ address.bytes()[i]) & rule.mask.bytes()[i]) != 0) return false;
  }
  return true;
}

Match OriginMatches(const Rule& rule, const Connection& connection) {
  if (!connection.address || rule.address.kind == AddressMatch::Kind::kAll) return Match::kYes;
  return connection.address_known ? AddressMatches(rule.address, *connection.address) : Match::kMay;
}

// Type and address of the rule do not exclude the connection.
bool ReachesNames(const Rule& rule, const Connection& connection) {
  return TypeMatches(rule.type, !connection.address, connection.encryption) &&
         OriginMatches(rule, connection) != Match::kNo;
}

}  // namespace

bool TypeMatches(RuleType type, bool unix_socket, Encryption encryption) {
  if (unix_socket) return type == RuleType::kLocal;
  switch (type) {
    case RuleType::kLocal:
      return false;
    case RuleType::kHost:
      return true;
    case RuleType::kHostSsl:
      return encryption == Encryption::kTls;
    case RuleType::kHostNoSsl:
      return encryption != Encryption::kTls;
    case RuleType::kHostGssEnc:
      return encryption == Encryption::kGss;
    case RuleType::kHostNoGssEnc:
      return encryption != Encryption::kGss;
  }
  return false;
}

Match AddressMatches(const AddressMatch& rule, const IpAddress& address) {
  using Kind = AddressMatch::Kind;
  switch (rule.kind) {
    case Kind::kAll:
      return Match::kYes;
    case Kind::kMask:
      return FromBool(MaskMatches(rule, address));
    case Kind::kHostName:
      // The name must resolve back to the address; localhost resolves to loopback only.
      if (strcasecmp(rule.host.c_str(), "localhost") == 0 && !address.IsLoopback()) return Match::kNo;
      return Match::kMay;
    case Kind::kSameHost:
    case Kind::kSameNet:
    case Kind::kOdd:
      break;
  }
  return Match::kMay;
}

Match RuleMatches(const Rule& rule, const Connection& connection, const Catalog& catalog, const RegexAnswers& regexes) {
  if (!ReachesNames(rule, connection)) return Match::kNo;
  Match match = OriginMatches(rule, connection);
  match = std::min(match, DatabasesMatch(rule, connection, catalog, regexes));
  if (match != Match::kNo) match = std::min(match, UsersMatch(rule, connection, catalog, regexes));
  return match;
}

Match Admits(const Rule& rule, const Connection& connection, const Abilities& abilities) {
  if (rule.rejects()) return Match::kNo;
  if (rule.client_cert == ClientCert::kOff) return Match::kYes;
  if (!connection.client_certificate) return Match::kNo;
  return FromAnswer(abilities.client_certificates);
}

bool AdmitsNobody(const Rule& rule, const Abilities& abilities) {
  if (rule.rejects()) return true;
  if (rule.type == RuleType::kHostSsl && abilities.tls == false) return true;
  return rule.client_cert != ClientCert::kOff && abilities.client_certificates == false;
}

Verdict Evaluate(const RuleSet& set, const Connection& connection, const Catalog& catalog, const RegexAnswers& regexes,
                 const Abilities& abilities) {
  Verdict verdict;
  if (connection.encryption == Encryption::kTls && abilities.tls == false) {
    verdict.tls_is_off = true;
    return verdict;
  }
  bool may_admit = false;
  bool may_reject = connection.encryption == Encryption::kTls && !abilities.tls;
  for (std::size_t i = 0; i < set.rules.size() && !verdict.rule; ++i) {
    const Rule& rule = set.rules[i];
    const Match match = RuleMatches(rule, connection, catalog, regexes);
    verdict.assumed = verdict.assumed || (rule.assumed && ReachesNames(rule, connection));
    if (match == Match::kNo) continue;
    if (match == Match::kYes) verdict.rule = i;
    if (match == Match::kMay) verdict.may_match.push_back(i);
    const Match admits = Admits(rule, connection, abilities);
    may_admit = may_admit || admits != Match::kNo;
    may_reject = may_reject || admits != Match::kYes;
  }
  if (!verdict.rule) may_reject = true;
  if (may_admit && may_reject) {
    verdict.outcome = Verdict::Outcome::kUndecided;
  } else if (may_admit) {
    verdict.outcome = Verdict::Outcome::kAdmitted;
  }
  if (!verdict.rule || !verdict.may_match.empty() || verdict.outcome != Verdict::Outcome::kRejected) return verdict;
  const Rule& rule = set.rules[*verdict.rule];
  if (rule.client_cert == ClientCert::kOff || rule.rejects()) return verdict;
  verdict.refusal =
      abilities.client_certificates == false ? Verdict::Refusal::kNoClientCa : Verdict::Refusal::kNoClientCertificate;
  return verdict;
}

std::string WhyUndecided(const Rule& rule, const Connection& connection, const Catalog& catalog,
                         const RegexAnswers& regexes) {
  using Kind = AddressMatch::Kind;
  std::vector<std::string> reasons;
  if (connection.address && AddressMatches(rule.address, *connection.address) == Match::kMay) {
    switch (rule.address.kind) {
      case Kind::kSameHost:
        reasons.emplace_back("samehost means the addresses of the server's own interfaces");
        break;
      case Kind::kSameNet:
        reasons.emplace_back("samenet means the networks of the server's own interfaces");
        break;
      case Kind::kHostName:
        reasons.push_back("the server resolves the host name " + rule.address.host + " itself, at the connection");
        break;
      case Kind::kOdd:
        reasons.push_back("the address " + rule.address.host + " cannot be read");
        break;
      case Kind::kAll:
      case Kind::kMask:
        break;
    }
  }
  if (DatabasesMatch(rule, connection, catalog, regexes) == Match::kMay) {
    reasons.emplace_back("the server did not answer for its regular expression over the database");
  }
  if (UsersMatch(rule, connection, catalog, regexes) == Match::kMay) {
    reasons.emplace_back("the server did not answer for its regular expression over the user");
  }
  std::string text;
  for (const std::string& reason : reasons) text += (text.empty() ? "" : "; ") + reason;
  return text;
}

}  // namespace pgtls::hba
