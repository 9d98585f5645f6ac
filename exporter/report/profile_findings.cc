#include "exporter/report/profile_findings.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

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

constexpr const char* kReload = "; SELECT pg_reload_conf();";
constexpr const char* kReloadRules = " Then SELECT pg_reload_conf();";

std::string Line(std::string_view name, std::string_view value) {
  return Printable(std::string(name) + " = " + std::string(value));
}

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
                          std::string("ALTER SYSTEM SET log_connections = on") + kReload});
    }
  }
  if (const auto value = settings.Get("log_disconnections")) {
    if (*value == "on") {
      findings.push_back({Severity::kFine,
                          "log_disconnections",
                          "The ends of connections are logged",
                          {"log_disconnections = on"},
                          "",
                          ""});
    } else {
      findings.push_back({Severity::kNote,
                          "log_disconnections_off",
                          "The ends of connections are not logged",
                          {Line("log_disconnections", *value)},
                          "The server keeps no record of how long a session lasted.",
                          std::string("ALTER SYSTEM SET log_disconnections = on") + kReload});
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

void AddPasswords(const settings::RolePasswords& passwords, Findings& findings) {
  if (passwords.md5 > 0) return;
  findings.push_back({Severity::kFine, "role_passwords", "No role has an MD5 password", {}, "", ""});
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
  if (facts.passwords) AddPasswords(*facts.passwords, findings);
  if (facts.hba) AddRules(*facts.hba, findings);
  if (facts.hba && facts.settings) AddRevocation(facts, findings);
}

}  // namespace pgtls::report
