#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "exporter/audit/evidence_group.h"
#include "exporter/audit/findings.h"
#include "exporter/audit/thresholds.h"
#include "exporter/base/text.h"
#include "exporter/links/link.h"

namespace pgtls::audit {
namespace {

using links::Link;
using links::Links;
using links::Protection;

std::string Line(const Link& link) {
  std::string line;
  if (link.kind == links::kWalReceiver) line = "this standby's upstream server";
  if (link.kind == links::kSubscription) line = fmt::format("subscription {} in database {}", link.name, link.database);
  if (link.kind == links::kForeignServer)
    line = fmt::format("foreign server {} in database {}", link.name, link.database);
  line += fmt::format(": {} port {}, sslmode={}", link.host, link.port, link.sslmode);
  if (link.sslrootcert.empty() &&
      (link.protection == Protection::kCaVerified || link.protection == Protection::kVerified))
    line += ", root certificate: root.crt of the server's OS user";
  return line;
}

std::string Line(const links::Replication& one) {
  return fmt::format("{} ({} replication) from {}", one.application_name, one.logical ? "logical" : "physical",
                     one.client_addr);
}

std::string Line(const links::Outgoing& one) {
  return fmt::format("user {}, database {}, to {}", one.user, one.database, one.server_addr);
}

Severity SeverityOf(Network farthest, const Evidence& evidence) {
  return farthest == Network::kRemote ? kRemotePlaintext : LoopbackPlaintext(evidence.snapshot.loopback);
}

// The policy allows the session that it is.
bool IsAllowed(const links::Replication& one, const Evidence& evidence) {
  if (!evidence.sessions) return false;
  bool allowed = false;
  for (const sessions::UnencryptedGroup& group : evidence.sessions->unencrypted) {
    if (group.application_name != one.application_name || group.client.ToString() != one.client_addr) continue;
    if (!group.allowed) return false;
    allowed = true;
  }
  return allowed;
}

// A pooler's own settings are AddPooler's matter.
void AddConfigured(const Links& found, const Evidence& evidence, Findings& findings) {
  EvidenceGroup unprotected, unverified, verified;
  for (const Link& link : found.links) {
    if (link.kind == links::kPooler || link.network == Network::kLocal) continue;
    const bool weak = link.protection == Protection::kEncrypted || link.protection == Protection::kCaVerified;
    if (links::MayBePlaintext(link.protection)) {
      unprotected.Add(Line(link), link.network);
    } else if (weak && link.network == Network::kRemote) {
      unverified.Add(Line(link), link.network);
    } else if (link.protection == Protection::kVerified) {
      verified.Add(Line(link), link.network);
    }
  }
  constexpr const char* kHow =
      "Set sslmode=verify-full, and sslrootcert to the CA of the other server's certificate: in primary_conninfo "
      "(standby), ALTER SUBSCRIPTION … CONNECTION '…', ALTER SERVER … OPTIONS (ADD sslmode 'verify-full') (SET, if it "
      "has one).";
  const Severity severity = SeverityOf(unprotected.farthest(), evidence);
  unprotected.AddTo(
      findings,
      {severity,
       "link_unprotected",
       "Connections that the server makes itself may be unencrypted",
       {},
       "Where the other server does not offer TLS, or an attacker removes it, rows and the passwords of user mappings "
       "cross the network in plain text, even if all clients are encrypted.",
       kHow});
  unverified.AddTo(findings, {Severity::kWarning,
                              "link_unverified",
                              "Connections that the server makes itself do not verify the other server",
                              {},
                              "An attacker on the network path can impersonate the other server.",
                              kHow});
  // A kind that was not wholly seen may have others.
  const bool all_seen =
      std::ranges::all_of(std::array{links::kWalReceiver, links::kSubscription, links::kForeignServer},
                          [&](std::string_view kind) { return std::ranges::count(found.kinds, kind) > 0; });
  if (all_seen && unprotected.empty() && unverified.empty()) {
    verified.AddTo(findings, {Severity::kFine,
                              "links_verified",
                              "Connections that the server makes itself are encrypted and verified",
                              {},
                              "",
                              ""});
  }
}

void AddOpen(const Links& found, const Evidence& evidence, Findings& findings) {
  EvidenceGroup outgoing, replication;
  for (const links::Outgoing& one : found.outgoing) {
    if (one.encryption == Encryption::kNone && one.network != Network::kLocal) outgoing.Add(Line(one), one.network);
  }
  for (const links::Replication& one : found.replication) {
    if (one.encryption == Encryption::kNone && one.network != Network::kLocal && !IsAllowed(one, evidence))
      replication.Add(Line(one), one.network);
  }
  const Severity of_outgoing = SeverityOf(outgoing.farthest(), evidence);
  outgoing.AddTo(
      findings,
      {of_outgoing,
       "link_unencrypted",
       "Connections to servers are not encrypted",
       {},
       "What clients send encrypted to PgBouncer goes on to the server in plain text.",
       "Set server_tls_sslmode = verify-full and server_tls_ca_file to the CA of the servers' certificates in "
       "pgbouncer.ini, then run RELOAD on the console, and RECONNECT to replace connections that are open."});
  const Severity of_replication = SeverityOf(replication.farthest(), evidence);
  replication.AddTo(findings,
                    {of_replication,
                     "replication_unencrypted",
                     "Replication connections are not encrypted",
                     {},
                     "All changes to the data can be read and changed on the network.",
                     FirstTls(evidence) +
                         "Put sslmode=verify-full (at least require) into primary_conninfo of the standby, or into "
                         "the conninfo of the subscription. " +
                         RefuseUnencrypted(evidence)});
}

}  // namespace

void AddLinks(const Evidence& evidence, Findings& findings) {
  if (!evidence.links) return;
  AddConfigured(*evidence.links, evidence, findings);
  AddOpen(*evidence.links, evidence, findings);
}

}  // namespace pgtls::audit
