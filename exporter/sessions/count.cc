#include "exporter/sessions/count.h"

#include <algorithm>
#include <string>
#include <vector>

namespace pgtls::sessions {

namespace {

// Who may connect unencrypted may use weak TLS as well.
void CountViolations(const Session& session, const Origin& origin, const CountOptions& options,
                     const Exemptions& exemptions, Counts& counts) {
  const Violations found = ViolationsOf(session, origin, options.require, options.shows_certificates);
  counts.requirements_not_shown = counts.requirements_not_shown || found.not_shown;
  counts.issuers_cut = counts.issuers_cut || found.issuer_cut;
  if (!found.any()) return;
  const bool allowed = exemptions.AllowedBy(session, origin) != nullptr;
  const ShownClient client = ShownClientOf(origin, options.buckets);
  for (std::size_t i = 0; i < kViolationReasons.size(); ++i) {
    if (found.reasons[i])
      counts.violations.Add({session.database, session.user, client, kViolationReasons[i], allowed});
  }
  ++counts.violating_by_network[{origin.network, allowed}];
}

}  // namespace

void Count(const Session& session, const CountOptions& options, const Exemptions& exemptions, SessionCounter& counter,
           Counts& counts) {
  const Origin origin = OriginOf(session);
  const Network network = origin.network;
  if (session.authenticating) {
    ++counts.authenticating[network];
    return;
  }
  const std::optional<Encryption> encryption = EncryptionOf(session);
  const bool unencrypted = encryption == Encryption::kNone && network != Network::kLocal;
  const config::Exemption* const exemption = unencrypted ? exemptions.AllowedBy(session, origin) : nullptr;
  const bool allowed = exemption != nullptr;
  const ShownClient client = ShownClientOf(origin, options.buckets);

  counts.connections.Add({session.database, session.user, options.client_addr ? client : ShownClient{}, network,
                          session.backend_type, encryption});
  counts.open.Add({session.user, session.database, origin.address, network, encryption,
                   session.backend_type == "walsender" && session.database.empty(), session.client_certificate,
                   client});
  ++counts.by_protection[{network, encryption}];
  const bool is_new = counter.Count(session, network, encryption, allowed);
  if (is_new && session.backend_type == "client backend" && !session.database.empty()) {
    ++counts.new_sessions[session.database];
  }
  if (encryption == Encryption::kTls) {
    counts.ciphers.Add({session.version, session.cipher, session.bits});
    if (session.client_certificate) {
      counts.client_certificates.Add({session.user, session.client_dn, session.issuer_dn});
    }
    if (!options.require.empty()) CountViolations(session, origin, options, exemptions, counts);
  }
  if (!unencrypted) return;
  counts.unencrypted.Add({session.database, session.user, client, session.application_name, network, allowed});
  ++counts.unencrypted_by_network[{network, allowed}];
  if (exemption != nullptr) counts.exempted.Add({exemption->name, session.database, session.user, client});
  if (network == Network::kRemote && !allowed) {
    auto& oldest = counts.oldest_unencrypted_us;
    oldest = std::min(oldest.value_or(session.backend_start_us), session.backend_start_us);
  }
}

OpenConnections OpenConnectionsOf(const Counts& counts, std::int64_t postmaster_start_us) {
  using Counted = Tally<OpenKey>::Counts::value_type;
  std::vector<const Counted*> sorted;
  sorted.reserve(counts.open.counts().size());
  for (const Counted& counted : counts.open.counts()) sorted.push_back(&counted);
  std::ranges::sort(sorted, {}, [](const Counted* counted) -> const OpenKey& { return counted->first; });

  OpenConnections open{.postmaster_start_us = postmaster_start_us, .connections = {}};
  open.connections.reserve(sorted.size());
  for (const Counted* const counted : sorted) {
    const OpenKey& key = counted->first;
    open.connections.push_back({std::string(key.user), std::string(key.database), key.address, key.network,
                                key.encryption, key.replication, key.client_certificate, key.client, counted->second});
  }
  return open;
}

}  // namespace pgtls::sessions
