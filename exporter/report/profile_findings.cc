#include "exporter/report/profile_findings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "exporter/base/date.h"
#include "exporter/base/text.h"
#include "exporter/report/profile.h"
#include "exporter/serverlog/list_setting.h"

namespace pgtls::report {
namespace {

using audit::Findings;
using audit::KnownFacts;
using audit::Severity;
using hba::Rule;
using hba::RuleType;

constexpr std::size_t kMostLists = 10;
constexpr const char* kReload = "; SELECT pg_reload_conf();";
constexpr const char* kReloadRules = " Then SELECT pg_reload_conf();";

std::string Line(std::string_view name, std::string_view value) {
  return Printable(std::string(name) + " = " + std::string(value));
}

// A boolean that should be on.
struct Switch {
  const char* name;
  std::string_view on_id, off_id;
  const char *on_title, *off_title, *why;
};
constexpr Switch kSwitches[] = {
    {"log_disconnections", "log_disconnections", "log_disconnections_off", "The ends of connections are logged",
     "The ends of connections are not logged", "The server keeps no record of how long a session lasted."},
    {"log_replication_commands", "log_replication_commands", "log_replication_commands_off",
     "Replication commands are logged", "Replication commands are not logged",
     "The server keeps no record of who copied its data by replication."},
};

std::string TurnOn(std::string_view name) { return fmt::format("ALTER SYSTEM SET {} = on{}", name, kReload); }

void AddLogging(const settings::ServerSettings& settings, Findings& findings) {
  if (const auto value = settings.Get("log_connections")) {
    if (serverlog::LogsSessions(*value)) {
      findings.push_back(
          {Severity::kFine, "log_connections", "Connections are logged", {Line("log_connections", *value)}, "", ""});
    } else {
      findings.push_back({Severity::kNote,
                          "log_connections_off",
                          "Connections are not logged",
                          {Line("log_connections", *value)},
                          "The server keeps no record of who connected, and how.",
                          TurnOn("log_connections")});
    }
  }
  for (const Switch& one : kSwitches) {
    const auto value = settings.Get(one.name);
    if (!value) continue;
    if (*value == "on") {
      findings.push_back({Severity::kFine, one.on_id, one.on_title, {Line(one.name, *value)}, "", ""});
    } else {
      findings.push_back(
          {Severity::kNote, one.off_id, one.off_title, {Line(one.name, *value)}, one.why, TurnOn(one.name)});
    }
  }
}

void AddListen(const settings::ServerSettings& settings, Findings& findings) {
  const auto value = settings.Get("listen_addresses");
  if (!value) return;
  const bool all = value->find('*') != std::string::npos || value->find("0.0.0.0") != std::string::npos ||
                   *value == "::" || value->find("::,") != std::string::npos;
  const std::vector<std::string> lines = {Line("listen_addresses", *value)};
  if (all) {
    findings.push_back({Severity::kNote, "listen_everywhere", "The server listens on every address of its machine",
                        lines, "A network interface that is added later is served too.",
                        "Set listen_addresses to the addresses that clients use, and restart the server."});
  } else {
    findings.push_back(
        {Severity::kFine, "listen_addresses", "The server listens on named addresses only", lines, "", ""});
  }
}

std::vector<std::string> LinesOf(const std::vector<const Rule*>& rules,
                                 const std::function<bool(const Rule&)>& chosen) {
  std::vector<std::string> lines;
  for (const Rule* rule : rules) {
    if (chosen(*rule)) lines.push_back(audit::RuleLine(*rule));
  }
  return lines;
}

// What a rule asks of clients is proven only for the rules in force.
bool IsProven(const hba::Posture& posture) { return posture.in_force.rules && posture.in_force.pending == false; }

bool IsForCertificates(const Rule& rule) { return rule.client_cert != hba::ClientCert::kOff && !rule.rejects(); }

void AddRules(const hba::Posture& posture, Findings& findings) {
  const auto reachable = audit::ReachableRules(posture);
  auto trusted =
      LinesOf(reachable, [](const Rule& rule) { return rule.type == RuleType::kLocal && rule.method == "trust"; });
  if (!trusted.empty()) {
    findings.push_back({Severity::kNote, "hba_local_trust",
                        "pg_hba.conf admits local users without authentication (trust)", std::move(trusted),
                        "Every user of the machine can log in as any role that these lines match, superusers "
                        "included.",
                        std::string("Change trust to peer or scram-sha-256 in these lines.") + kReloadRules});
  } else if (IsProven(posture)) {
    findings.push_back(
        {Severity::kFine, "hba_local", "pg_hba.conf has no trust rule for local connections", {}, "", ""});
  }
  auto open = LinesOf(reachable, [](const Rule& rule) {
    return rule.type != RuleType::kLocal && rule.method == "trust" && !IsForCertificates(rule);
  });
  if (!open.empty()) {
    findings.push_back({Severity::kNote, "hba_host_trust",
                        "pg_hba.conf admits clients over TCP without authentication (trust)", std::move(open),
                        "Over loopback every user of the machine can log in as any role that these lines match.",
                        std::string("Change trust to scram-sha-256 in these lines.") + kReloadRules});
  }
  auto any_name = LinesOf(reachable, [](const Rule& rule) { return rule.client_cert == hba::ClientCert::kVerifyCa; });
  if (!any_name.empty()) {
    findings.push_back({Severity::kNote, "hba_certificate_not_mapped",
                        "Rules of pg_hba.conf do not compare the client certificate with the user", std::move(any_name),
                        "Any certificate of an authority in ssl_ca_file is accepted for any user of these lines.",
                        std::string("Use clientcert=verify-full in these lines, or the method cert.") + kReloadRules});
  } else if (IsProven(posture)) {
    findings.push_back({Severity::kFine,
                        "hba_certificate_mapped",
                        "pg_hba.conf compares every client certificate that it requires with the user",
                        {},
                        "",
                        ""});
  }
  auto without = LinesOf(reachable, [](const Rule& rule) {
    return rule.type != RuleType::kLocal && !rule.rejects() && !IsForCertificates(rule);
  });
  if (!without.empty()) {
    findings.push_back(
        {Severity::kNote, "hba_no_client_certificate", "Rules of pg_hba.conf admit clients without a certificate",
         std::move(without), "The server knows these clients by a password or by their machine alone.",
         std::string("Add clientcert=verify-full to these lines (hostssl), or use the method cert.") + kReloadRules});
  } else if (IsProven(posture)) {
    findings.push_back({Severity::kFine,
                        "hba_client_certificates",
                        "pg_hba.conf requires a certificate from every client over TCP",
                        {},
                        "",
                        ""});
  }
}

// The rules in force name no map, or only maps of which nothing is wrong.
void AddMaps(const hba::Posture& posture, Findings& findings) {
  if (!IsProven(posture) || !posture.knows_options) return;
  const auto names = MapsOf(posture.judging());
  if (!names.empty() && (!posture.maps || !posture.maps->in_force)) return;
  if (std::ranges::any_of(findings, [](const auto& finding) { return finding.id == "ident_map_any_user"; })) return;
  std::vector<std::string> lines;
  for (const std::string& name : names) lines.push_back(Printable("map " + name));
  findings.push_back({Severity::kFine, "ident_maps",
                      names.empty() ? "pg_hba.conf names no map of pg_ident.conf"
                                    : "No map that pg_hba.conf names lets any user log in as another role",
                      std::move(lines), "", ""});
}

void AddSessions(const sessions::Summary& sessions, Findings& findings) {
  const bool plaintext =
      std::ranges::any_of(sessions.unencrypted, [](const auto& group) { return group.network == Network::kRemote; });
  if (plaintext || sessions.HasUnknown()) return;
  findings.push_back({Severity::kFine,
                      "sessions_remote_encrypted",
                      "No open connection from another machine is unencrypted",
                      {},
                      "",
                      ""});
}

// A role that replicates, with what else it may do.
std::string RoleLine(const hba::PrivilegedRole& role, const std::vector<std::string>& others) {
  return Printable(fmt::format("role {}: {}", role.name, fmt::join(others, ", ")));
}

std::vector<std::string> OthersOf(const hba::PrivilegedRole& role, const hba::Catalog& catalog) {
  std::vector<std::string> others = role.others;
  for (const std::string& group : catalog.GroupsOf(role.name)) {
    if (group != role.name) others.push_back("member of " + group);
  }
  return others;
}

// A superuser can always replicate, so it is named only where it does.
void AddReplicationRoles(const KnownFacts& facts, Findings& findings) {
  const auto& privileged = facts.hba->catalog.privileged();
  if (!privileged) return;
  std::vector<std::string> lines;
  std::vector<std::string> alone;
  bool superusers_replicate = false;
  for (const hba::PrivilegedRole& role : privileged->roles) {
    if (role.superuser) {
      for (const links::Replication& one : facts.links->replication) {
        if (one.user != role.name) continue;
        superusers_replicate = true;
        lines.push_back(
            Printable(fmt::format("{} from {} replicates as the superuser {}", one.application_name,
                                  one.client_addr.empty() ? "the Unix socket" : one.client_addr, one.user)));
      }
      continue;
    }
    const auto others = OthersOf(role, facts.hba->catalog);
    if (others.empty()) {
      alone.push_back(Printable("role " + role.name));
    } else {
      lines.push_back(RoleLine(role, others));
    }
  }
  if (!lines.empty()) {
    findings.push_back(
        {Severity::kNote, "replication_role_privileged", "A role that replicates may do more than that",
         std::move(lines), "Who gets at a standby's password can do everything that its role may do.",
         std::string(superusers_replicate
                         ? "Create a role for it (CREATE ROLE replicator LOGIN REPLICATION), put it into "
                           "primary_conninfo of the standby and into pg_hba.conf. "
                         : "") +
             "Take attributes, memberships and privileges on databases from roles with REPLICATION "
             "(ALTER ROLE, REVOKE), or let another role do that work."});
  } else if (!alone.empty() && privileged->count == privileged->roles.size() && IsWhole(facts, "links")) {
    findings.push_back(
        {Severity::kFine, "replication_role", "Roles that replicate may do nothing else", std::move(alone), "", ""});
  }
}

void AddKeyDirectories(const tls::KeyReport& key, Findings& findings) {
  if (!key.shared_directories || !key.shared_directories->empty()) return;
  findings.push_back({Severity::kFine,
                      "key_directories",
                      "Only root and the owners of the directories above the private key may replace it",
                      {Printable(key.path)},
                      "",
                      ""});
}

void AddPasswords(const settings::RolePasswords& passwords, Findings& findings) {
  if (passwords.md5 > 0) return;
  findings.push_back({Severity::kFine, "role_passwords", "No role has an MD5 password", {}, "", ""});
}

// The server's own verdict on each authority has their lists in it: one that is missing or has ended refuses.
void AddListsInForce(const tls::ClientTrust& trust, Findings& findings) {
  if (!trust.checks_revocation || trust.authorities.empty()) return;
  const bool refused = std::ranges::any_of(trust.authorities, [](const tls::ClientAuthority& authority) {
    return std::ranges::any_of(authority.refusals, &tls::Refusal::IsOfList);
  });
  if (refused) return;
  std::vector<std::string> lines;
  for (const tls::ListInForce& list : trust.lists) {
    if (lines.size() == kMostLists) break;
    lines.push_back(Printable(fmt::format("{}: {}, next update {}", list.path, list.issuer,
                                          list.next_update ? Date(*list.next_update) : "not set")));
  }
  findings.push_back({Severity::kFine, "crl_current", "Every authority of client certificates has a list in force",
                      std::move(lines), "", ""});
}

void AddRevocation(const KnownFacts& facts, Findings& findings) {
  auto rules = LinesOf(audit::ReachableRules(*facts.hba), IsForCertificates);
  const auto file = facts.settings->Get("ssl_crl_file");
  const auto directory = facts.settings->Get("ssl_crl_dir");
  if (rules.empty() || !file || !directory) return;
  if (file->empty() && directory->empty()) {
    findings.push_back(
        {Severity::kNote, "crl_none", "Client certificates are accepted without a revocation list", std::move(rules),
         "A certificate that was revoked, for example because its key was stolen, is still accepted.",
         std::string("Set ssl_crl_file to the current lists of the authorities in ssl_ca_file.") + kReloadRules});
  } else {
    findings.push_back({Severity::kFine,
                        "crl_configured",
                        "Client certificates are checked against revocation lists",
                        {Line("ssl_crl_file", *file), Line("ssl_crl_dir", *directory)},
                        "",
                        ""});
  }
}

}  // namespace

void AddProfileFindings(const KnownFacts& facts, Findings& findings) {
  if (facts.settings) {
    AddLogging(*facts.settings, findings);
    AddListen(*facts.settings, findings);
  }
  if (facts.sessions && IsWhole(facts, "sessions")) AddSessions(*facts.sessions, findings);
  if (facts.certificates && facts.certificates->key) AddKeyDirectories(*facts.certificates->key, findings);
  if (facts.passwords) AddPasswords(*facts.passwords, findings);
  if (facts.hba) {
    AddRules(*facts.hba, findings);
    AddMaps(*facts.hba, findings);
  }
  if (facts.hba && facts.links) AddReplicationRoles(facts, findings);
  if (facts.hba && facts.settings) AddRevocation(facts, findings);
  if (facts.certificates && facts.certificates->clients) AddListsInForce(*facts.certificates->clients, findings);
}

}  // namespace pgtls::report
