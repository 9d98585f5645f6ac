#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "exporter/audit/findings.h"
#include "exporter/base/text.h"

namespace pgtls::audit {
namespace {

std::string Line(const sessions::ViolatingGroup& group) {
  const std::string database = group.database.empty() ? "replication" : "database " + group.database;
  return Printable(fmt::format("{}: user {}, {}, from {}: {}", group.reason, group.user, database,
                               group.client.ToString(), Counted(group.connections, "connection")));
}

}  // namespace

void AddPolicy(const Evidence& evidence, Findings& findings) {
  if (!evidence.sessions || !evidence.sessions->required) return;
  std::vector<std::string> violating;
  std::vector<std::string> allowed;
  for (const sessions::ViolatingGroup& group : evidence.sessions->violating)
    (group.allowed ? allowed : violating).push_back(Line(group));
  if (violating.empty() && allowed.empty() && !evidence.sessions->violations_unknown) {
    findings.push_back({Severity::kFine, "policy_met", "Every open TLS connection meets policy.require", {}, "", ""});
  }
  if (!violating.empty()) {
    findings.push_back(
        {Severity::kWarning, "policy_violated", "TLS connections do not meet policy.require", std::move(violating),
         "They are encrypted, but with less than the policy asks for: the server accepts it, so other clients may do "
         "the same.",
         evidence.is_pooler()
             ? "Set client_tls_protocols, client_tls_ciphers or client_tls_ca_file with client_tls_sslmode = "
               "verify-full in pgbouncer.ini, run RELOAD on the console, and have the clients connect again."
             : "version: raise ssl_min_protocol_version. cipher: shorten ssl_ciphers (TLS 1.2; ssl_tls13_ciphers from "
               "PostgreSQL 18). client_issuer: leave only the authorities that are wanted in ssl_ca_file, and put "
               "clientcert=verify-full into the rules of pg_hba.conf. Then SELECT pg_reload_conf(); and have the "
               "clients connect again: an open connection keeps what it has."});
  }
  if (!allowed.empty()) {
    findings.push_back({Severity::kNote, "policy_violated_allowed",
                        "Connections do not meet policy.require, and policy.allow_unencrypted covers them",
                        std::move(allowed), "Who may connect unencrypted may use weak TLS as well.",
                        "Remove the entry from policy.allow_unencrypted once the client is up to date."});
  }
}

}  // namespace pgtls::audit
