#include <fmt/format.h>

#include <algorithm>

#include "exporter/audit/findings.h"
#include "exporter/base/text.h"

namespace pgtls::audit {
namespace {

using hba::AddressMatch;
using hba::Network;
using hba::Posture;
using hba::Rule;
using hba::RuleType;

constexpr const char* kReload = "SELECT pg_reload_conf();";

std::string Line(const Rule& rule) { return Printable(fmt::format("{}:{}: {}", rule.file, rule.line, RuleText(rule))); }

std::string Example(const hba::PlaintextPath& path) {
  const std::string user = path.user ? "user " + *path.user : "any user";
  std::string database = path.database ? "database " + *path.database : "any database";
  if (path.replication) database = "replication";
  return Printable(
      fmt::format("  for example {}, {}, from {}", user, database, path.address ? path.address->ToString() : ""));
}

void AddPlaintext(const Posture& posture, Findings& findings) {
  std::vector<std::string> certain, possible, loopback;
  for (const auto& plaintext : PlaintextRules(posture)) {
    const auto remote = std::ranges::find(plaintext.paths, Network::kRemote, &hba::PlaintextPath::network);
    auto& lines = remote == plaintext.paths.end()        ? loopback
                  : plaintext.certain && remote->certain ? certain
                                                         : possible;
    lines.push_back(Line(plaintext.rule));
    lines.push_back(Example(remote == plaintext.paths.end() ? plaintext.paths.front() : *remote));
  }
  const std::string remedy =
      "Change host to hostssl in these lines, or put this line before them: hostnossl all,replication all all reject "
      "(neither lets in clients with GSS encryption: they need hostgssenc lines of their own, further up). Then " +
      std::string(kReload);
  if (!certain.empty()) {
    findings.push_back({Severity::kCritical, "hba_plaintext_admitted",
                        "pg_hba.conf admits unencrypted connections from other machines", std::move(certain),
                        "A client that does not insist on TLS, or is kept from it on the way, talks in clear text.",
                        remedy});
  }
  if (!possible.empty()) {
    findings.push_back({Severity::kWarning, "hba_plaintext_possible",
                        "pg_hba.conf may admit unencrypted connections from other machines", std::move(possible),
                        "Whether these lines apply hangs on host names, on the server's own addresses, or on a reload.",
                        remedy});
  }
  if (!loopback.empty()) {
    findings.push_back({Severity::kNote, "hba_plaintext_loopback",
                        "pg_hba.conf admits unencrypted connections over loopback", std::move(loopback),
                        "Loopback does not leave the machine, but a proxy there may have clients elsewhere.",
                        "Where nobody needs it: hostssl, or the Unix socket."});
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

// May somebody on another machine come by this rule?
bool FromElsewhere(const Rule& rule) {
  if (rule.type == RuleType::kLocal) return false;
  if (rule.address.kind == AddressMatch::Kind::kHostName) return rule.address.host != "localhost";
  if (rule.address.kind != AddressMatch::Kind::kMask) return true;
  const auto prefix = hba::PrefixLength(rule.address.mask);
  return !(rule.address.network.IsLoopback() && prefix && *prefix >= (rule.address.network.is_v4() ? 8 : 104));
}

bool Encrypts(const Rule& rule) { return rule.type == RuleType::kHostSsl || rule.type == RuleType::kHostGssEnc; }

struct Method {
  std::string_view name, id, title, why, remedy;
};
constexpr Method kMethods[] = {
    {"trust", "hba_trust", "pg_hba.conf lets other machines in without any proof (trust)",
     "Whoever reaches the port is whoever they say they are.", "Change trust to scram-sha-256 in these lines."},
    {"password", "hba_password", "pg_hba.conf asks for passwords in clear text (password)",
     "The password itself goes to the server; without TLS everybody on the way reads it.",
     "Change password to scram-sha-256 in these lines."},
    {"md5", "hba_md5", "pg_hba.conf takes MD5 passwords (md5)",
     "An MD5 exchange can be broken by who hears it, and the stored hash is as good as the password.",
     "Set the passwords again under password_encryption = scram-sha-256 and change md5 to scram-sha-256 in these "
     "lines."},
    {"ident", "hba_ident", "pg_hba.conf believes the client's ident server (ident)",
     "The client's machine says who its user is; whoever controls it, or the way, says what they like.",
     "Change ident to scram-sha-256 in these lines."}};

void AddMethods(const Posture& posture, const std::vector<const Rule*>& reachable, Findings& findings) {
  bool any = false;
  for (const Method& method : kMethods) {
    std::vector<std::string> lines;
    bool clear = false;
    for (const Rule* rule : reachable) {
      // With a client certificate that is verified in full, the proof is there already.
      if (rule->method != method.name || !FromElsewhere(*rule) || rule->client_cert == hba::ClientCert::kVerifyFull)
        continue;
      lines.push_back(Line(*rule));
      clear = clear || !Encrypts(*rule);
    }
    if (lines.empty()) continue;
    any = true;
    const bool critical = method.name == "trust" || (method.name == "password" && clear);
    findings.push_back({critical ? Severity::kCritical : Severity::kWarning, method.id, std::string(method.title),
                        std::move(lines), std::string(method.why), std::string(method.remedy) + " Then " + kReload});
  }
  if (!any && posture.in_force.pending == false) {
    findings.push_back({Severity::kFine,
                        "hba_methods",
                        "No trust, password, md5 or ident for other machines in pg_hba.conf",
                        {},
                        "",
                        ""});
  }
}

bool Everyone(const std::vector<hba::NameMatch>& names) {
  return std::ranges::any_of(names, [](const auto& name) { return name.kind == hba::NameMatch::Kind::kAll; });
}

void AddWideOpen(const std::vector<const Rule*>& reachable, Findings& findings) {
  std::vector<std::string> lines;
  bool clear = false;
  for (const Rule* rule : reachable) {
    const AddressMatch& address = rule->address;
    const bool everywhere = address.kind == AddressMatch::Kind::kAll ||
                            (address.kind == AddressMatch::Kind::kMask && hba::PrefixLength(address.mask) == 0);
    if (rule->type == RuleType::kLocal || rule->rejects() || !everywhere) continue;
    if (!Everyone(rule->databases) || !Everyone(rule->users)) continue;
    lines.push_back(Line(*rule));
    clear = clear || !Encrypts(*rule);
  }
  if (lines.empty()) return;
  findings.push_back({clear ? Severity::kWarning : Severity::kNote, "hba_open_to_all",
                      "pg_hba.conf admits every user to every database from everywhere", std::move(lines),
                      "Superusers too can try their passwords from any address that reaches the port.",
                      std::string("Name the databases, users and networks that need it. Then ") + kReload});
}

void AddState(const Posture& posture, Findings& findings) {
  if (!posture.file->errors.empty()) {
    std::vector<std::string> lines;
    lines.reserve(posture.file->errors.size());
    for (const auto& error : posture.file->errors) {
      lines.push_back(Printable(fmt::format("{}:{}: {}", error.file, error.line, error.message)));
    }
    findings.push_back({Severity::kCritical, "hba_errors", "PostgreSQL refuses pg_hba.conf as it stands",
                        std::move(lines),
                        "The rules before the change stay in force, silently, and the next start of the server fails.",
                        std::string("Mend these lines, then ") + kReload});
  } else if (posture.in_force.pending == true) {
    findings.push_back({Severity::kWarning,
                        "hba_pending_reload",
                        "A change of pg_hba.conf waits for a reload",
                        {},
                        "Connections are judged by the rules before the change.",
                        kReload});
  }
  if (posture.file_analysis && !posture.file_analysis->shadowed.empty()) {
    std::vector<std::string> lines;
    lines.reserve(posture.file_analysis->shadowed.size());
    for (const std::size_t rule : posture.file_analysis->shadowed) lines.push_back(Line(posture.file->rules[rule]));
    findings.push_back({Severity::kNote, "hba_shadowed", "Rules of pg_hba.conf that no connection can reach",
                        std::move(lines),
                        "Rules before them take every connection that they are for: they do not do what they seem to.",
                        "Move them up, or remove them."});
  }
  if (posture.file->assumed()) {
    findings.push_back({Severity::kNote,
                        "hba_assumed",
                        "Words of pg_hba.conf were taken for keywords",
                        {},
                        "Whether \"all\" or \"+x\" stands in quotes, and so is a name, only the line's own text tells.",
                        "Run deploy/sql/monitoring_role.sql as a superuser and connect as tls_exporter."});
  }
}

}  // namespace

void AddHba(const Evidence& evidence, Findings& findings) {
  if (!evidence.hba) return;
  const Posture& posture = *evidence.hba;
  AddState(posture, findings);
  AddPlaintext(posture, findings);
  // By what is in force, else by the file; a rule that nobody reaches does no harm.
  const auto& analysis = posture.in_force.rules ? posture.in_force_analysis : posture.file_analysis;
  std::vector<const Rule*> reachable;
  for (std::size_t i = 0; i < posture.judging().rules.size(); ++i) {
    if (analysis && std::ranges::find(analysis->shadowed, i) != analysis->shadowed.end()) continue;
    reachable.push_back(&posture.judging().rules[i]);
  }
  AddMethods(posture, reachable, findings);
  AddWideOpen(reachable, findings);
}

}  // namespace pgtls::audit
