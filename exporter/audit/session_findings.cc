#include <fmt/format.h>

#include "exporter/audit/findings.h"
#include "exporter/base/text.h"

namespace pgtls::audit {
namespace {

std::string Line(const sessions::UnencryptedGroup& group) {
  // Physical replication has no database.
  const std::string database = group.database.empty() ? "replication" : "database " + group.database;
  std::string line = fmt::format("user {}, {}, from {}", group.user, database, group.client_addr);
  if (!group.application_name.empty()) line += fmt::format(" ({})", group.application_name);
  return Printable(fmt::format("{}: {} connection{}", line, group.connections, group.connections == 1 ? "" : "s"));
}

}  // namespace

void AddSessions(const Evidence& evidence, Findings& findings) {
  if (!evidence.sessions) return;
  std::vector<std::string> remote;
  std::vector<std::string> loopback;
  std::vector<std::string> allowed;
  for (const auto& group : evidence.sessions->unencrypted) {
    auto& lines = group.allowed ? allowed : group.network == sessions::Network::kRemote ? remote : loopback;
    lines.push_back(Line(group));
  }
  if (remote.empty() && loopback.empty() && allowed.empty() && !evidence.sessions->HasUnknown()) {
    findings.push_back(
        {Severity::kFine, "sessions_encrypted", "No open connection over TCP is unencrypted", {}, "", ""});
  }
  if (!remote.empty()) {
    findings.push_back(
        {Severity::kCritical, "plaintext_sessions", "Connections from other machines are not encrypted",
         std::move(remote), "What they send, passwords included, can be read and changed on the network.",
         FirstTls(evidence) +
             "Give these clients sslmode=verify-full (at least require). Then put 'hostnossl all,replication all all "
             "reject' at the top of pg_hba.conf (after hostgssenc lines, if clients use GSS encryption) and SELECT "
             "pg_reload_conf(); An exception that has been agreed on belongs in policy.allow_unencrypted."});
  }
  if (!loopback.empty()) {
    findings.push_back({Severity::kNote, "plaintext_sessions_loopback", "Loopback connections are not encrypted",
                        std::move(loopback),
                        "Loopback traffic does not leave the machine, but a proxy on it may have clients elsewhere.",
                        FirstTls(evidence) + "Give these clients sslmode=require, or let them use the Unix socket."});
  }
  if (!allowed.empty()) {
    findings.push_back({Severity::kNote, "plaintext_sessions_allowed", "Unencrypted connections that the policy allows",
                        std::move(allowed), "An exemption is a decision, not protection.",
                        "Remove the entry from policy.allow_unencrypted once the client uses TLS."});
  }
}

}  // namespace pgtls::audit
