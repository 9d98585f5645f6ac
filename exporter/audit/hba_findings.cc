#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>

#include "exporter/audit/findings.h"
#include "exporter/audit/thresholds.h"
#include "exporter/base/text.h"

namespace pgtls::audit {
namespace {

using hba::AddressMatch;
using hba::Posture;
using hba::Rule;
using hba::RuleType;

constexpr const char* kReload = "SELECT pg_reload_conf();";

std::string Example(const hba::PlaintextPath& path) {
  const std::string user = path.user ? "user " + *path.user : "any user";
  std::string database = path.database ? "database " + *path.database : "any database";
  if (path.replication) database = "replication";
  return Printable(
      fmt::format("  for example {}, {}, from {}", user, database, path.address ? path.address->ToString() : ""));
}

void AddPlaintext(const Posture& posture, const Evidence& evidence, Findings& findings) {
  const std::string first = FirstTls(evidence);
  std::vector<std::string> certain, possible, loopback;
  for (const auto& plaintext : PlaintextRules(posture)) {
    const auto remote = std::ranges::find(plaintext.paths, Network::kRemote, &hba::PlaintextPath::network);
    auto& lines = remote == plaintext.paths.end() ? loopback : remote->certain ? certain : possible;
    lines.push_back(RuleLine(plaintext.rule));
    lines.push_back(Example(remote == plaintext.paths.end() ? plaintext.paths.front() : *remote));
  }
  const std::string remedy =
      first +
      "Change host to hostssl in these lines, or put this line before them: hostnossl all,replication all all reject. "
      "(Both refuse clients with GSS encryption as well: these need hostgssenc lines above.) Then " +
      std::string(kReload);
  if (!certain.empty()) {
    findings.push_back({kRemotePlaintext, "hba_plaintext_admitted",
                        "pg_hba.conf admits unencrypted connections from other machines", std::move(certain),
                        "A client that does not require TLS, or whose request for TLS is blocked on the network, sends "
                        "its password and data unencrypted.",
                        remedy});
  }
  if (!possible.empty()) {
    findings.push_back(
        {kPossiblePlaintext, "hba_plaintext_possible",
         "pg_hba.conf may admit unencrypted connections from other machines", std::move(possible),
         "Whether these lines apply depends on host names, on the server's own addresses, or on a reload.", remedy});
  }
  if (!loopback.empty()) {
    findings.push_back(
        {LoopbackPlaintext(evidence.snapshot.loopback), "hba_plaintext_loopback",
         "pg_hba.conf admits unencrypted connections over loopback", std::move(loopback),
         "Loopback does not leave the machine, but a proxy there may have clients elsewhere.",
         first + "Change host to hostssl in these lines, or let these clients use the Unix socket. Then " + kReload});
  }
  if (posture.PlaintextAdmitted(Network::kRemote) == false) {
    findings.push_back({Severity::kFine,
                        "hba_plaintext",
                        "pg_hba.conf admits no unencrypted connection from other machines",
                        {},
                        "",
                        ""});
  }
}

// "superuser postgres, any database, from 10.0.0.0".
std::string RolePath(const hba::PrivilegedRoles& privileged, const hba::PlaintextPath& path) {
  const auto role = std::ranges::find(privileged.roles, path.user.value_or(""), &hba::PrivilegedRole::name);
  const bool superuser = role != privileged.roles.end() && role->superuser;
  const std::string database = path.replication ? "replication"
                               : path.database  ? "database " + *path.database
                                                : "any database";
  return Printable(fmt::format("  {} {}, {}, from {}", superuser ? "superuser" : "replication role",
                               path.user.value_or(""), database, path.address ? path.address->ToString() : ""));
}

// Superusers and roles that may replicate.
void AddPrivilegedPlaintext(const Posture& posture, const Evidence& evidence, Findings& findings) {
  const bool in_force = posture.in_force.rules != nullptr;
  const auto& analysis = in_force ? posture.in_force_analysis : posture.file_analysis;
  if (!analysis || analysis->privileged.empty() || !posture.catalog.privileged()) return;
  const hba::PrivilegedRoles& privileged = *posture.catalog.privileged();
  const bool certain = in_force && std::ranges::any_of(analysis->privileged, &hba::PlaintextPath::certain);
  std::map<std::size_t, std::vector<std::string>> by_rule;
  for (const hba::PlaintextPath& path : analysis->privileged) {
    if (path.certain || !certain) by_rule[path.rule].push_back(RolePath(privileged, path));
  }
  std::vector<std::string> lines;
  for (auto& [rule, roles] : by_rule) {
    lines.push_back(RuleLine(posture.judging().rules[rule]));
    std::ranges::move(roles, std::back_inserter(lines));
  }
  if (privileged.count > privileged.roles.size()) {
    lines.push_back(fmt::format("{} more such roles were not checked", privileged.count - privileged.roles.size()));
  }
  findings.push_back(
      {certain ? kRemotePlaintext : kPossiblePlaintext, "hba_plaintext_privileged",
       certain ? "pg_hba.conf admits superusers or replication roles without TLS from other machines"
               : "pg_hba.conf may admit superusers or replication roles without TLS from other machines",
       std::move(lines),
       "Whoever can change such a session on the network path acts as the superuser. Whoever can read that of a "
       "replication role gets the changes to all databases.",
       FirstTls(evidence) +
           "Put a line for each of these roles before the others: hostnossl all,replication ROLE all reject. (It "
           "refuses clients with GSS encryption as well: these need hostgssenc lines above.) Then " +
           kReload});
}

// May somebody on another machine come by this rule?
bool FromElsewhere(const Rule& rule) {
  if (rule.type == RuleType::kLocal) return false;
  if (rule.address.kind == AddressMatch::Kind::kHostName) return rule.address.host != "localhost";
  if (rule.address.kind != AddressMatch::Kind::kMask) return true;
  const auto prefix = hba::PrefixLength(rule.address.mask);
  return !(rule.address.network.IsLoopback() && prefix && *prefix >= (rule.address.network.is_v4() ? 8 : 104));
}

// A reachable rule that lets somebody get to authentication.
bool Applies(const Posture& posture, const Rule& rule) { return !AdmitsNobody(rule, posture.abilities); }

bool Encrypts(const Rule& rule) { return rule.type == RuleType::kHostSsl || rule.type == RuleType::kHostGssEnc; }

struct Method {
  std::string_view name, id, title, why, remedy;
};
constexpr Method kMethods[] = {
    {"trust", "hba_trust", "pg_hba.conf admits other machines without authentication (trust)",
     "Anyone who reaches the port can log in as any user that these lines match.",
     "Change trust to scram-sha-256 in these lines."},
    {"password", "hba_password", "pg_hba.conf asks for passwords in clear text (password)",
     "The client sends the password itself: without TLS, anyone on the network path can read it.",
     "Change password to scram-sha-256 in these lines."},
    {"md5", "hba_md5", "pg_hba.conf accepts MD5 passwords (md5)",
     "An eavesdropper can crack an MD5 exchange, and the stored hash can be used in place of the password.",
     "Set password_encryption = scram-sha-256, set the users' passwords again, and change md5 to scram-sha-256 in "
     "these lines."},
    {"ident", "hba_ident", "pg_hba.conf trusts the client's ident server (ident)",
     "The client's machine reports its user: anyone who controls that machine or the network path can claim to be "
     "another user.",
     "Change ident to scram-sha-256 in these lines."}};

Finding Of(const Method& method, Severity severity, std::vector<std::string> lines) {
  return {severity,
          method.id,
          std::string(method.title),
          std::move(lines),
          std::string(method.why),
          std::string(method.remedy) + " Then " + kReload};
}

// With md5 in a rule, a role with a SCRAM verifier logs in by SCRAM: only roles with an MD5 verifier need it.
constexpr Method kMd5ForNobody = {
    "md5", "hba_md5", "pg_hba.conf accepts MD5 passwords (md5), and no role has one",
    "Every role here logs in by SCRAM already. With md5, a password that is stored as MD5 by mistake works as well.",
    "Change md5 to scram-sha-256 in these lines: nobody is refused."};

void AddMethods(const Posture& posture, const std::vector<const Rule*>& reachable, const Evidence& evidence,
                Findings& findings) {
  bool any = false;
  std::vector<std::string> any_certificate;
  for (const Method& method : kMethods) {
    std::vector<std::string> lines;
    bool clear = false;
    for (const Rule* rule : reachable) {
      if (rule->method != method.name || !FromElsewhere(*rule) || !Applies(posture, *rule)) continue;
      // With a client certificate that is verified in full, the proof is there already.
      if (rule->client_cert == hba::ClientCert::kVerifyFull) continue;
      if (rule->method == "trust" && rule->client_cert == hba::ClientCert::kVerifyCa) {
        any_certificate.push_back(RuleLine(*rule));
        continue;
      }
      lines.push_back(RuleLine(*rule));
      clear = clear || !Encrypts(*rule);
    }
    if (lines.empty()) continue;
    any = true;
    if (method.name == "md5" && evidence.passwords && evidence.passwords->md5 == 0) {
      findings.push_back(Of(kMd5ForNobody, Severity::kNote, std::move(lines)));
      continue;
    }
    if (method.name == "md5" && evidence.passwords)
      lines.push_back(Counted(evidence.passwords->md5, "role") + " with an MD5 password (finding md5_roles)");
    const bool critical = method.name == "trust" || (method.name == "password" && clear);
    findings.push_back(Of(method, critical ? Severity::kCritical : Severity::kWarning, std::move(lines)));
  }
  if (!any_certificate.empty()) {
    any = true;
    findings.push_back(
        {Severity::kWarning, "hba_trust_any_certificate",
         "pg_hba.conf admits any client certificate as any user (trust with clientcert=verify-ca)",
         std::move(any_certificate),
         "The server verifies the certificate, but does not compare its name with the user: a client with any valid "
         "certificate can log in as any user that these lines match, superusers included.",
         std::string("Change trust to cert in these lines. Then ") + kReload});
  }
  if (!any && posture.in_force.pending == false) {
    findings.push_back({Severity::kFine,
                        "hba_methods",
                        "pg_hba.conf has no trust, password, md5 or ident rule for other machines",
                        {},
                        "",
                        ""});
  }
}

bool Everyone(const std::vector<hba::NameMatch>& names) {
  return std::ranges::any_of(names, [](const auto& name) { return name.kind == hba::NameMatch::Kind::kAll; });
}

// Rules that ask for client certificates: can they be met, and by whom?
void AddClientCertificates(const Posture& posture, const std::vector<const Rule*>& reachable, Findings& findings) {
  std::vector<std::string> refused, named;
  for (const Rule* rule : reachable) {
    if (rule->rejects() || rule->client_cert == hba::ClientCert::kOff || posture.abilities.tls == false) continue;
    if (posture.abilities.client_certificates == false) {
      refused.push_back(RuleLine(*rule));
    } else if (rule->client_cert == hba::ClientCert::kVerifyFull && rule->method != "cert") {
      named.push_back(RuleLine(*rule));
      named.push_back("  " + Printable(CertificateNameText(*rule)));
    }
  }
  if (!refused.empty()) {
    findings.push_back(
        {Severity::kWarning, "hba_no_client_ca",
         "Rules of pg_hba.conf refuse every client: they require a certificate, and ssl_ca_file is empty",
         std::move(refused),
         "Without ssl_ca_file the server can verify no client certificate. Each connection by these rules ends with "
         "'client certificates can only be checked if a root certificate store is available'.",
         std::string("Set ssl_ca_file to a file with the authority that issues the clients' certificates. Then ") +
             kReload});
  }
  if (!named.empty()) {
    findings.push_back({Severity::kNote, "hba_certificate_name",
                        "Rules of pg_hba.conf compare the name in the client certificate with the user",
                        std::move(named),
                        "A certificate with another name is refused after the password, with the same message as for a "
                        "wrong password; only the server's log names the certificate.",
                        "Issue each user a certificate with this name. If several users share a certificate, use "
                        "clientcert=verify-ca."});
  }
}

void AddWideOpen(const Posture& posture, const std::vector<const Rule*>& reachable, Findings& findings) {
  std::vector<std::string> lines;
  bool clear = false;
  for (const Rule* rule : reachable) {
    const AddressMatch& address = rule->address;
    const bool everywhere = address.kind == AddressMatch::Kind::kAll ||
                            (address.kind == AddressMatch::Kind::kMask && hba::PrefixLength(address.mask) == 0);
    if (rule->type == RuleType::kLocal || !everywhere || !Applies(posture, *rule)) continue;
    if (!Everyone(rule->databases) || !Everyone(rule->users)) continue;
    lines.push_back(RuleLine(*rule));
    clear = clear || !Encrypts(*rule);
  }
  if (lines.empty()) return;
  findings.push_back(
      {clear ? Severity::kWarning : Severity::kNote, "hba_open_to_all",
       "pg_hba.conf admits every user to every database from everywhere", std::move(lines),
       "Passwords can be guessed from any address that reaches the port, those of superusers included.",
       std::string("Restrict these lines to the databases, users and networks that need access. Then ") + kReload});
}

void AddUnreachable(const Posture& posture, Findings& findings) {
  if (!posture.file_analysis) return;
  const auto& for_nobody = posture.file_analysis->for_nobody;
  std::vector<std::string> late, nobody;
  for (const std::size_t rule : posture.file_analysis->shadowed) {
    const bool matches_none = std::ranges::find(for_nobody, rule) != for_nobody.end();
    (matches_none ? nobody : late).push_back(RuleLine(posture.file->rules[rule]));
  }
  if (!late.empty()) {
    findings.push_back({Severity::kNote, "hba_shadowed", "Rules of pg_hba.conf that no connection can reach",
                        std::move(late),
                        "Earlier rules match every connection that these rules match, so these rules have no effect.",
                        "Move them above the rules that match first, or remove them."});
  }
  if (!nobody.empty()) {
    findings.push_back({Severity::kNote, "hba_for_nobody", "Rules of pg_hba.conf for groups that do not exist",
                        std::move(nobody), "No role is a member of these groups, so the rules match no connection.",
                        "Create the role, correct its name after the +, or remove the line."});
  }
}

void AddState(const Posture& posture, Findings& findings) {
  if (!posture.file->errors.empty()) {
    std::vector<std::string> lines;
    lines.reserve(posture.file->errors.size());
    for (const auto& error : posture.file->errors) {
      lines.push_back(Printable(ErrorText(error)));
    }
    findings.push_back({Severity::kCritical, "hba_errors", "PostgreSQL refuses pg_hba.conf", std::move(lines),
                        "The server keeps the previous rules, which only its log reports, and its next start fails.",
                        std::string("Correct these lines (an empty file needs an entry), then ") + kReload});
  } else if (posture.in_force.pending == true) {
    findings.push_back({kSettingPending,
                        "hba_pending_reload",
                        "A change to pg_hba.conf needs a reload",
                        {},
                        "The server still applies the rules from before the change.",
                        kReload});
  }
  AddUnreachable(posture, findings);
  if (posture.file->assumed()) {
    findings.push_back({Severity::kNote,
                        "hba_assumed",
                        "Words in pg_hba.conf were read as keywords",
                        {},
                        "In quotes, a word such as all or +x is a name and not a keyword. Only the text of the line "
                        "shows quotes, and the exporter's role cannot read it.",
                        "Run deploy/sql/monitoring_role.sql as a superuser and connect as tls_exporter."});
  }
}

}  // namespace

std::string RuleLine(const Rule& rule) {
  return Printable(fmt::format("{}:{}: {}", rule.file, rule.line, RuleText(rule)));
}

std::vector<const Rule*> ReachableRules(const Posture& posture) {
  const auto& analysis = posture.in_force.rules ? posture.in_force_analysis : posture.file_analysis;
  std::vector<const Rule*> reachable;
  for (std::size_t i = 0; i < posture.judging().rules.size(); ++i) {
    if (analysis && std::ranges::find(analysis->shadowed, i) != analysis->shadowed.end()) continue;
    reachable.push_back(&posture.judging().rules[i]);
  }
  return reachable;
}

void AddHba(const Evidence& evidence, Findings& findings) {
  if (!evidence.hba) return;
  const Posture& posture = *evidence.hba;
  AddState(posture, findings);
  AddPlaintext(posture, evidence, findings);
  AddPrivilegedPlaintext(posture, evidence, findings);
  const std::vector<const Rule*> reachable = ReachableRules(posture);
  AddMethods(posture, reachable, evidence, findings);
  AddClientCertificates(posture, reachable, findings);
  AddWideOpen(posture, reachable, findings);
}

}  // namespace pgtls::audit
