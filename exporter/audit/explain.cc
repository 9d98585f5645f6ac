#include "exporter/audit/explain.h"

#include <fmt/format.h>

#include <algorithm>

#include "exporter/audit/findings.h"
#include "exporter/audit/wire_remedies.h"
#include "exporter/base/error.h"
#include "exporter/base/text.h"
#include "exporter/hba/posture.h"

namespace pgtls::audit {
namespace {

using hba::Connection;
using hba::Posture;
using hba::Rule;
using hba::RuleSet;
using hba::Verdict;

constexpr int kAdmitted = 0;
constexpr int kRejected = 1;
constexpr int kError = 2;
constexpr int kUndecided = 3;

Connection Asked(const config::ExplainOptions& question) {
  Connection connection;
  connection.user = question.user;
  // As the server does where no database is named.
  connection.database = question.database.empty() ? question.user : question.database;
  connection.replication = question.replication;
  connection.client_certificate = question.client_certificate;
  if (!question.address.empty()) {
    connection.address = IpAddress::Parse(question.address);
    if (!connection.address) throw ConfigError("--address=" + question.address + ": not an IPv4 or IPv6 address");
  }
  if (question.encryption == "tls") {
    connection.encryption = Encryption::kTls;
  } else if (question.encryption == "gss") {
    connection.encryption = Encryption::kGss;
  } else if (question.encryption != "none") {
    throw ConfigError("--encryption=" + question.encryption + ": none, tls or gss");
  }
  if (!connection.address && connection.encryption != Encryption::kNone) {
    throw ConfigError("--encryption: a connection over a Unix socket (without --address) is never encrypted");
  }
  if (connection.client_certificate && connection.encryption != Encryption::kTls) {
    throw ConfigError("--client-certificate: only with --encryption=tls");
  }
  return connection;
}

std::string Why(Verdict::Refusal refusal) {
  switch (refusal) {
    case Verdict::Refusal::kNone:
      break;
    case Verdict::Refusal::kNoClientCertificate:
      return ": the rule requires a client certificate";
    case Verdict::Refusal::kNoClientCa:
      return ": the rule requires a client certificate, and the server cannot verify any, because ssl_ca_file is empty";
  }
  return "";
}

// Which name the certificate needs, for each rule that compares one.
std::string CertificateNames(const RuleSet& set, const Verdict& verdict) {
  std::string text;
  std::vector<std::size_t> rules = verdict.may_match;
  if (verdict.rule) rules.push_back(*verdict.rule);
  for (const std::size_t at : rules) {
    const Rule& rule = set.rules[at];
    const std::string name = CertificateNameText(rule);
    if (name.empty()) continue;
    const char* error = rule.method == "cert" ? "certificate authentication failed" : "password authentication failed";
    if (rule.method == "trust") error = "\"trust\" authentication failed";
    text += Printable(fmt::format("required by line {}: {}; with another certificate the server answers '{}'",
                                  rule.line, name, error)) +
            '\n';
  }
  return text;
}

// The server's certificate: as it is served or, where no handshake shows it, as it is in the file. Null: not known.
const tls::CertificateFacts* ServerCertificate(const KnownFacts& facts) {
  if (!facts.certificates) return nullptr;
  const tls::CertificateInventory& inventory = *facts.certificates;
  if (!inventory.served.empty()) return &inventory.served.front();
  const auto file = std::ranges::find(inventory.files, "server", &tls::FileReport::role);
  const bool known = file != inventory.files.end() && !inventory.hosts && !file->content.certificates.empty();
  return known ? &file->content.certificates.front().facts : nullptr;
}

// Which of the methods that may ask this client cannot work: the rule admits it, and libpq ends the login.
std::string ImpossibleLogins(const RuleSet& set, const Verdict& verdict, const Connection& connection,
                             const tls::CertificateFacts* certificate) {
  if (connection.encryption != Encryption::kTls || certificate == nullptr || HasBindingDigest(*certificate)) return "";
  std::vector<std::size_t> rules = verdict.may_match;
  if (verdict.rule) rules.push_back(*verdict.rule);
  const auto any_has = [&](std::string_view method) {
    return std::ranges::any_of(rules, [&](std::size_t at) { return set.rules[at].method == method; });
  };
  const bool scram = any_has("scram-sha-256");
  // This method also verifies a password that is stored for SCRAM, by SCRAM.
  if (!scram && !any_has("md5")) return "";
  return Printable(fmt::format(
             "with method {} libpq cannot log in: the server's certificate is signed with {}, which names no digest "
             "for "
             "channel binding ('could not find digest for NID UNDEF'); the client needs channel_binding=disable",
             scram ? "scram-sha-256" : "md5 and a password stored for SCRAM", certificate->signature_algorithm)) +
         '\n';
}

std::string Text(const Finding& finding) {
  return fmt::format("{}: {} [{}]\n  Do: {}\n", ToString(finding.severity), finding.title, finding.id, finding.remedy);
}

// What `check` has against the rules that may admit this connection.
std::string FindingsAbout(const RuleSet& set, const Verdict& verdict, const Findings& findings) {
  std::vector<std::string> lines;
  for (const std::size_t may : verdict.may_match) lines.push_back(RuleLine(set.rules[may]));
  if (verdict.rule) lines.push_back(RuleLine(set.rules[*verdict.rule]));
  std::string text;
  for (const Finding& finding : findings) {
    if (finding.severity > Severity::kWarning) continue;
    if (std::ranges::find_first_of(finding.evidence, lines) != finding.evidence.end()) text += Text(finding);
  }
  return text;
}

// Pure text of one verdict, and its exit code. `findings`: of the audit. `certificate`: the server's; may be null.
Explanation Judge(const RuleSet& set, const Connection& connection, const Posture& posture, const Findings& findings,
                  const tls::CertificateFacts* certificate) {
  const Verdict verdict = Evaluate(set, connection, posture.catalog, posture.regexes, posture.abilities);
  Explanation result;
  if (verdict.tls_is_off) {
    return {
        "no rule: ssl = off, so the server accepts no TLS connection (a client with sslmode=require fails, one with "
        "sslmode=prefer continues without TLS)\nrejected\n",
        kRejected};
  }
  for (const std::size_t may : verdict.may_match) {
    const Rule& rule = set.rules[may];
    result.text += fmt::format("may match: {}\n           {}\n", RuleLine(rule),
                               Printable(WhyUndecided(rule, connection, posture.catalog, posture.regexes)));
  }
  const std::string where = verdict.rule ? RuleLine(set.rules[*verdict.rule]) : "none matches, which rejects";
  result.text += fmt::format("{}{}\n", verdict.may_match.empty() ? "rule: " : "else: ", where);
  switch (verdict.outcome) {
    case Verdict::Outcome::kAdmitted:
      result.exit_code = kAdmitted;
      result.text += verdict.rule ? fmt::format("admitted to authentication by {}\n",
                                                verdict.may_match.empty() ? "method " + set.rules[*verdict.rule].method
                                                                          : "the method of one of these rules")
                                  : "admitted\n";
      break;
    case Verdict::Outcome::kRejected:
      result.exit_code = kRejected;
      result.text += "rejected" + Why(verdict.refusal) + '\n';
      break;
    case Verdict::Outcome::kUndecided:
      result.exit_code = kUndecided;
      result.text += "cannot be decided from here\n";
      if (!posture.abilities.tls || !posture.abilities.client_certificates)
        result.text += "unknown: the settings ssl and ssl_ca_file are not visible to the exporter's role\n";
      break;
  }
  if (verdict.outcome != Verdict::Outcome::kRejected) {
    result.text += ImpossibleLogins(set, verdict, connection, certificate) + CertificateNames(set, verdict) +
                   FindingsAbout(set, verdict, findings);
  }
  if (verdict.assumed) {
    result.text +=
        "assumed: words such as all and +x are keywords; only the text of the line shows it (run "
        "deploy/sql/monitoring_role.sql)\n";
  }
  return result;
}

const char* WhyUnknown(hba::InForceView::Doubt doubt) {
  using Doubt = hba::InForceView::Doubt;
  switch (doubt) {
    case Doubt::kNone:
      break;
    case Doubt::kSameSecond:
      return "the file changed in the second of its last load, and may have changed after it";
    case Doubt::kPath:
      return "a directory on the path to the file changed after the last load, and the path may lead to another file";
  }
  return "the file changed after the last load, or was refused";
}

// Why there are no rules, as `check` reports it.
Explanation NoRules(const KnownFacts& all) {
  Explanation result;
  Findings findings;
  // What the wire does not show keeps no rule from being visible.
  sampling::ServerSnapshot by_sql = all.snapshot;
  std::erase_if(by_sql.collectors, [](const sampling::CollectorState& collector) {
    return collector.type != nullptr && !NeedsSql(*collector.type);
  });
  const KnownFacts facts(by_sql, all.now);
  AddLogin(facts, findings);
  AddCoverage(facts, findings);
  for (const Finding& finding : findings) {
    const bool failed = finding.id == "no_login" || finding.id == "collector_failed";
    if (!failed && finding.id != "not_looked_at") continue;
    if (failed) result.exit_code = kError;
    result.text += fmt::format("{}: {}\n", facts.snapshot.name, finding.title);
    for (const std::string& line : finding.evidence) result.text += fmt::format("  {}\n", line);
    result.text += fmt::format("  Do: {}\n", finding.remedy);
  }
  if (result.text.empty()) {
    result.text =
        fmt::format("{}: the rules of pg_hba.conf are not visible. {}\n", facts.snapshot.name, sampling::kRunRoleFile);
  }
  return result;
}

}  // namespace

Explanation Explain(const sampling::ServerSnapshot& server, const config::ExplainOptions& question,
                    std::chrono::sys_seconds now) {
  const Connection connection = Asked(question);
  const KnownFacts facts(server, now);
  const auto& posture = facts.hba;
  if (!posture) return NoRules(facts);
  Findings findings;
  AddHba(facts, findings);
  const tls::CertificateFacts* const certificate = ServerCertificate(facts);
  const auto& in_force = posture->in_force;
  const bool in_doubt = in_force.doubt != hba::InForceView::Doubt::kNone;
  if (posture->file->loadable() && in_force.pending != true && !in_doubt) {
    Explanation result = Judge(*posture->file, connection, *posture, findings, certificate);
    if (!in_force.pending)
      result.text +=
          "assumed: the file has not changed since the server loaded it; its modification time is not visible\n";
    return result;
  }

  Explanation result;
  std::optional<int> decided;
  if (in_force.rules) {
    const Explanation judged = Judge(*in_force.rules, connection, *posture, findings, certificate);
    result.text += "by the rules in force:\n" + judged.text;
    decided = judged.exit_code;
  } else {
    result.text += fmt::format("the rules in force are not known: {}\n", WhyUnknown(in_force.doubt));
  }
  if (posture->file->loadable()) {
    result.text += "by the file, once it is loaded (SELECT pg_reload_conf()):\n" +
                   Judge(*posture->file, connection, *posture, findings, certificate).text;
  }
  for (const auto& error : posture->file->errors) {
    result.text += "refused: " + Printable(ErrorText(error)) + '\n';
  }
  result.exit_code = decided.value_or(kUndecided);
  return result;
}

}  // namespace pgtls::audit
