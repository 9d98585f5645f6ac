#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "exporter/audit/findings.h"
#include "exporter/audit/thresholds.h"
#include "exporter/base/date.h"
#include "exporter/base/text.h"

namespace pgtls::audit {
namespace {

using tls::ClientUse;

constexpr std::size_t kMostLines = 20;

constexpr const char* kRenew =
    "Issue new certificates for these users and install them where the clients run (sslcert and sslkey of each), then "
    "let the clients reconnect. ";

std::string WhoUsesIt(const ClientUse& use) {
  if (use.connections > 0) {
    return fmt::format("{} from {}", Counted(use.connections, "connection"), fmt::join(use.addresses, ", "));
  }
  if (use.last_seen) return "last used " + Date(*use.last_seen);
  return "the exporter's own certificate";
}

std::string Line(const ClientUse& use) {
  return Printable(fmt::format("{}: {}, issued by {}, serial {}, valid until {}; {}", use.user, use.client_dn,
                               use.issuer_dn, use.serial, use.not_after ? Date(*use.not_after) : "?", WhoUsesIt(use)));
}

std::vector<std::string> Lines(const std::vector<const ClientUse*>& uses) {
  std::vector<std::string> lines;
  for (const ClientUse* use : uses) {
    if (lines.size() == kMostLines) {
      lines.push_back(fmt::format("and {} more", uses.size() - kMostLines));
      break;
    }
    lines.push_back(Line(*use));
  }
  return lines;
}

template <typename Condition>
std::vector<const ClientUse*> Those(const std::vector<ClientUse>& uses, Condition condition) {
  std::vector<const ClientUse*> found;
  for (const ClientUse& use : uses) {
    if (condition(use)) found.push_back(&use);
  }
  return found;
}

void AddEnds(const Evidence& evidence, Findings& findings) {
  const auto& uses = evidence.certificates->client_uses;
  for (const Severity severity : {Severity::kCritical, Severity::kWarning}) {
    const auto ending = Those(uses, [&](const ClientUse& use) {
      return use.not_after && SeverityOfEnd(use.not_before, *use.not_after, evidence.now) == severity;
    });
    if (ending.empty()) continue;
    const bool critical = severity == Severity::kCritical;
    findings.push_back(
        {severity, "client_certificate_expiring",
         critical ? "A client certificate has expired, or expires soon" : "A client certificate expires", Lines(ending),
         "PostgreSQL refuses it from that moment on: these clients no longer connect. Connections that are "
         "open stay.",
         kRenew});
  }
}

void AddRevoked(const Evidence& evidence, Findings& findings) {
  const auto revoked = Those(evidence.certificates->client_uses,
                             [](const ClientUse& use) { return use.revoked && use.connections > 0; });
  if (revoked.empty()) return;
  findings.push_back(
      {kRevokedInUse, "client_certificate_revoked", "A session uses a client certificate that was revoked",
       Lines(revoked),
       "PostgreSQL checks revocation lists only when a client connects. If the list that it has was loaded "
       "before the certificate was revoked, new connections are accepted as well.",
       "Find out why it was revoked. Install the authority's current list (ssl_crl_file or ssl_crl_dir), "
       "SELECT pg_reload_conf(); and end the sessions: SELECT pg_terminate_backend(pid) FROM pg_stat_ssl "
       "WHERE client_serial = the certificate's number;"});
}

void AddUnknown(const Evidence& evidence, Findings& findings) {
  const tls::CertificateInventory& inventory = *evidence.certificates;
  if (!inventory.has_client_inventory) return;
  const auto unknown =
      Those(inventory.client_uses, [](const ClientUse& use) { return !use.found && use.connections > 0; });
  if (!unknown.empty()) {
    findings.push_back({Severity::kNote, "client_certificate_unknown",
                        "Sessions use client certificates that are in no inventory", Lines(unknown),
                        "When they expire is not known.",
                        "Add their files, or their authority's index.txt, to "
                        "collectors.certificates.client_inventory."});
  }
  const auto known = Those(inventory.client_uses, [&](const ClientUse& use) {
    return use.not_after && SeverityOfEnd(use.not_before, *use.not_after, evidence.now) == Severity::kFine;
  });
  if (known.empty()) return;
  findings.push_back(
      {Severity::kFine, "client_certificates_valid", "Client certificates in use are valid", Lines(known), "", ""});
}

}  // namespace

void AddClientUses(const Evidence& evidence, Findings& findings) {
  if (!evidence.certificates) return;
  AddEnds(evidence, findings);
  AddRevoked(evidence, findings);
  AddUnknown(evidence, findings);
}

}  // namespace pgtls::audit
