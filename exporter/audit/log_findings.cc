#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "exporter/audit/evidence_group.h"
#include "exporter/audit/findings.h"
#include "exporter/audit/thresholds.h"
#include "exporter/base/text.h"

namespace pgtls::audit {
namespace {

std::string Line(const serverlog::LoggedClients& clients) {
  const std::string database = clients.database.empty() ? "replication" : "database " + clients.database;
  const std::string from = clients.client_addr.empty() ? "an unknown address" : clients.client_addr;
  std::string line = fmt::format("user {}, {}, from {}", clients.user, database, from);
  if (!clients.application_name.empty()) line += fmt::format(" ({})", clients.application_name);
  return line;
}

// "the last hour", "the last 15 minutes".
std::string Period(const serverlog::Summary& log) {
  const auto minutes = std::chrono::ceil<std::chrono::minutes>(std::min(log.window, log.followed)).count();
  if (minutes == 60) return "the last hour";
  if (minutes <= 1) return "the last minute";
  return fmt::format("the last {}", Counted(static_cast<std::size_t>(minutes), "minute"));
}

std::size_t Unknown(const serverlog::Summary& log) {
  std::size_t unknown = 0;
  for (const auto& [kind, sessions] : log.sessions) {
    if (!kind.second && kind.first != Network::kLocal) unknown += sessions;
  }
  return unknown;
}

void AddUnencrypted(const serverlog::Summary& log, const Evidence& evidence, Findings& findings) {
  EvidenceGroup remote, loopback;
  for (const serverlog::LoggedClients& clients : log.unencrypted) {
    if (clients.allowed) continue;
    (clients.network == Network::kRemote ? remote : loopback).Add(Line(clients), clients.network, clients.sessions);
  }
  const std::string how =
      FirstTls(evidence) + "Give these clients sslmode=verify-full (at least require). " + RefuseUnencrypted(evidence);
  remote.AddTo(findings,
               {kRemotePlaintext,
                "logged_plaintext",
                fmt::format("The server's log has unencrypted sessions from other machines in {}", Period(log)),
                {},
                "Anyone on the network path could read and change what they sent, however short they were.",
                how + " An exception that has been agreed on belongs in policy.allow_unencrypted."});
  loopback.AddTo(findings,
                 {LoopbackPlaintext(evidence.snapshot.loopback),
                  "logged_plaintext_loopback",
                  fmt::format("The server's log has unencrypted sessions over loopback in {}", Period(log)),
                  {},
                  "Loopback traffic does not leave the machine, but a proxy on it may have clients elsewhere.",
                  FirstTls(evidence) + "Give these clients sslmode=require, or let them use the Unix socket."});
}

void AddDoubts(const serverlog::Summary& log, Findings& findings) {
  if (log.contradictions > 0) {
    findings.push_back({Severity::kWarning,
                        "log_contradicted",
                        "Records of the server's log contradict pg_stat_ssl or pg_hba.conf",
                        {fmt::format("{} since the exporter follows the log", Counted(log.contradictions, "session"))},
                        "A client can choose an application name that makes its record look encrypted. Tools that read "
                        "only the log take "
                        "it for encrypted.",
                        "Find sessions in pg_stat_activity whose application_name contains 'SSL enabled (', and ask "
                        "their owners. Refuse "
                        "unencrypted connections (hostssl)."});
  }
  if (const std::size_t unknown = Unknown(log); unknown > 0) {
    findings.push_back(
        {Severity::kNote,
         "log_unknown",
         "For some sessions in the server's log it is not known whether they were encrypted",
         {fmt::format("{} in {}", Counted(unknown, "session"), Period(log))},
         "Their records say TLS, but have an application name, which could say so too; no rule of pg_hba.conf and no "
         "sample of pg_stat_ssl decides.",
         "Admit these clients by hostssl rules in place of host (from PostgreSQL 17 on also those with trust). Then "
         "the rule proves it."});
  }
}

void AddRejected(const serverlog::Summary& log, Findings& findings) {
  if (log.rejected == 0) return;
  findings.push_back({Severity::kNote,
                      "log_rejected",
                      "Clients still try to connect without encryption, and are refused",
                      {fmt::format("{} since the exporter follows the log", Counted(log.rejected, "attempt"))},
                      "With sslmode=allow or prefer a client tries plaintext too, and its password may be tried there.",
                      "See pg_tls_logged_rejections_total for who and from where, and give these clients "
                      "sslmode=verify-full (at least require)."});
}

}  // namespace

void AddLog(const Evidence& evidence, Findings& findings) {
  if (!evidence.log) return;
  const serverlog::Summary& log = *evidence.log;
  AddUnencrypted(log, evidence, findings);
  AddDoubts(log, findings);
  AddRejected(log, findings);
}

}  // namespace pgtls::audit
