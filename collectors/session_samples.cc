#include "collectors/session_samples.h"

#include <map>
#include <string_view>

#include "collectors/folded.h"

namespace pgtls::collectors {
namespace {

using metrics::Capped;
using metrics::Desc;
using metrics::Sink;
using metrics::Type;
using sessions::Counts;

constexpr Desc kConnections = {"pg_tls_connections",
                               Type::kGauge,
                               "Open client connections by encryption.",
                               {"server", "database", "user", "client_addr", "network", "backend_type", "encryption"}};
constexpr Desc kUnencrypted = {
    "pg_tls_unencrypted_connections",
    Type::kGauge,
    "Open TCP connections with neither TLS nor GSS encryption, by client and whether the policy allows them.",
    {"server", "database", "user", "client_addr", "application_name", "network", "allowed"}};
constexpr Desc kUnencryptedByNetwork = {
    "pg_tls_unencrypted_connections_by_network",
    Type::kGauge,
    "Open TCP connections with neither TLS nor GSS encryption; 0 if there are none.",
    {"server", "network", "allowed"}};
constexpr Desc kAuthenticating = {
    "pg_tls_authenticating_connections",
    Type::kGauge,
    "Connections that have not authenticated yet; PostgreSQL 18 and later and PgBouncer show them.",
    {"server", "network"}};
constexpr Desc kCiphers = {"pg_tls_cipher_connections",
                           Type::kGauge,
                           "Open TLS connections by protocol version and cipher suite.",
                           {"server", "version", "cipher", "bits"}};
constexpr Desc kClientCertificates = {"pg_tls_client_certificate_connections",
                                      Type::kGauge,
                                      "Open TLS connections that presented a client certificate.",
                                      {"server", "user", "client_dn", "issuer_dn"}};
constexpr Desc kSessions = {"pg_tls_sessions_total",
                            Type::kCounter,
                            "Sessions that began after the first collection and were observed, each counted once.",
                            {"server", "database", "user", "network", "encryption"}};
constexpr Desc kEstablished = {"pg_tls_established_sessions_total",
                               Type::kCounter,
                               "Sessions of clients that PostgreSQL itself counted (pg_stat_database.sessions, 14 and "
                               "later) after the first collection, without the exporter's own.",
                               {"server", "database"}};
constexpr Desc kSampled = {"pg_tls_sampled_sessions_total",
                           Type::kCounter,
                           "Of the sessions in pg_tls_established_sessions_total, those that were observed at least "
                           "once: the others were shorter than the interval.",
                           {"server", "database"}};
constexpr Desc kUnencryptedSessions = {"pg_tls_unencrypted_sessions_total",
                                       Type::kCounter,
                                       "TCP sessions with neither TLS nor GSS encryption that began after the first "
                                       "collection and were observed, each counted once.",
                                       {"server", "network", "allowed"}};
constexpr Desc kCountedSince = {"pg_tls_sessions_counted_since_timestamp_seconds",
                                Type::kGauge,
                                "When the session counters of the server started at 0: when the exporter started, or "
                                "when a reload added the server; in seconds since the epoch.",
                                {"server"}};
constexpr Desc kLosses = {
    "pg_tls_session_count_losses_total",
    Type::kCounter,
    "Events after which sessions may be missing from all counters: a different server answered (server_changed), the "
    "server restarted with other statistics (server_restarted), statistics were reset (statistics_reset), or a "
    "database was dropped (database_dropped).",
    {"server", "reason"}};
constexpr Desc kOldestUnencrypted = {"pg_tls_oldest_unencrypted_connection_start_timestamp_seconds",
                                     Type::kGauge,
                                     "When the oldest open remote connection began that is unencrypted and not allowed "
                                     "by the policy, in seconds since the epoch.",
                                     {"server"}};
constexpr Desc kViolating = {"pg_tls_policy_violating_connections",
                             Type::kGauge,
                             "Open TLS connections that policy.require does not accept, for each reason; allowed: "
                             "policy.allow_unencrypted covers them.",
                             {"server", "database", "user", "client_addr", "reason", "allowed"}};
constexpr Desc kViolatingByNetwork = {
    "pg_tls_policy_violating_connections_by_network",
    Type::kGauge,
    "Open TLS connections that policy.require does not accept, each counted once; 0 if there are none.",
    {"server", "network", "allowed"}};
constexpr Desc kExempted = {
    "pg_tls_policy_exempted_connections",
    Type::kGauge,
    "Open TCP connections with neither TLS nor GSS encryption that an exemption of policy.allow_unencrypted allows, by "
    "client; the first exemption that matches counts.",
    {"server", "exemption", "database", "user", "client_addr"}};
constexpr Desc kExemptedByExemption = {
    "pg_tls_policy_exempted_connections_by_exemption",
    Type::kGauge,
    "Open TCP connections with neither TLS nor GSS encryption that an exemption allows, for each exemption in force; 0 "
    "if there are none.",
    {"server", "exemption"}};
constexpr Desc kExemptionEnd = {"pg_tls_policy_exemption_end_timestamp_seconds",
                                Type::kGauge,
                                "When the policy's exemption ends, in seconds since the epoch.",
                                {"server", "exemption"}};

// ---- Labels

std::string_view ToString(bool allowed) { return allowed ? "true" : "false"; }

void Add(const Desc& desc, const sessions::ConnectionKey& key, double value, Sink& sink) {
  sink.Add(desc,
           {key.database, key.user, key.client.ToString(), ToString(key.network), key.backend_type,
            sessions::EncryptionLabel(key.encryption)},
           value);
}

void Add(const Desc& desc, const sessions::UnencryptedKey& key, double value, Sink& sink) {
  sink.Add(desc,
           {key.database, key.user, key.client.ToString(), key.application_name, ToString(key.network),
            ToString(key.allowed)},
           value);
}

void Add(const Desc& desc, const sessions::CipherKey& key, double value, Sink& sink) {
  sink.Add(desc, {key.version, key.cipher, key.bits}, value);
}

void Add(const Desc& desc, const sessions::ViolationKey& key, double value, Sink& sink) {
  sink.Add(desc, {key.database, key.user, key.client.ToString(), key.reason, ToString(key.allowed)}, value);
}

void Add(const Desc& desc, const sessions::ExemptedKey& key, double value, Sink& sink) {
  sink.Add(desc, {key.exemption, key.database, key.user, key.client.ToString()}, value);
}

void Add(const Desc& desc, const sessions::ClientCertificateKey& key, double value, Sink& sink) {
  sink.Add(desc, {key.user, key.client_dn, key.issuer_dn}, value);
}

// ---- Render

template <typename Key>
void RenderCapped(const Desc& desc, const Capped<Key>& capped, Sink& sink) {
  for (const auto& [key, connections] : capped.series) Add(desc, key, static_cast<double>(connections), sink);
  sink.Add(kFolded, {desc.name}, static_cast<double>(capped.folded));
}

void RenderByNetwork(const Desc& desc, const Counts::ByNetwork& counts, Sink& sink) {
  for (const auto& [key, count] : counts) {
    sink.Add(desc, {ToString(key.first), ToString(key.second)}, static_cast<double>(count));
  }
}

sessions::Summary SummaryOf(const Counts& counts, const Capped<sessions::UnencryptedKey>& unencrypted,
                            const Capped<sessions::ViolationKey>& violations) {
  sessions::Summary summary{
      .connections = counts.by_protection, .unencrypted = {}, .oldest_unencrypted_us = counts.oldest_unencrypted_us};
  summary.unencrypted.reserve(unencrypted.series.size());
  for (const auto& [key, connections] : unencrypted.series) {
    summary.unencrypted.push_back({std::string(key.database), std::string(key.user), key.client,
                                   std::string(key.application_name), key.network, key.allowed, connections});
  }
  for (const auto& [key, connections] : violations.series) {
    summary.violating.push_back(
        {std::string(key.database), std::string(key.user), key.client, key.reason, key.allowed, connections});
  }
  summary.violations_unknown = counts.requirements_not_shown || counts.issuers_cut;
  return summary;
}

}  // namespace

constexpr std::array<const Desc*, 19> kSessionDescs = {&kConnections,
                                                       &kUnencrypted,
                                                       &kUnencryptedByNetwork,
                                                       &kAuthenticating,
                                                       &kCiphers,
                                                       &kClientCertificates,
                                                       &kSessions,
                                                       &kEstablished,
                                                       &kSampled,
                                                       &kUnencryptedSessions,
                                                       &kCountedSince,
                                                       &kLosses,
                                                       &kOldestUnencrypted,
                                                       &kViolating,
                                                       &kViolatingByNetwork,
                                                       &kFolded,
                                                       &kExempted,
                                                       &kExemptedByExemption,
                                                       &kExemptionEnd};

sessions::Summary RenderSessions(const Counts& counts, const sessions::SessionCounter& counter,
                                 bool shows_authenticating, std::size_t max_series, SessionCaps& caps, Sink& sink) {
  const auto unencrypted = caps.unencrypted.Apply(counts.unencrypted, max_series);
  RenderCapped(kConnections, caps.connections.Apply(counts.connections, max_series), sink);
  RenderCapped(kUnencrypted, unencrypted, sink);
  RenderByNetwork(kUnencryptedByNetwork, counts.unencrypted_by_network, sink);
  if (shows_authenticating) {
    for (const auto& [network, count] : counts.authenticating) {
      sink.Add(kAuthenticating, {ToString(network)}, static_cast<double>(count));
    }
  }
  RenderCapped(kCiphers, caps.ciphers.Apply(counts.ciphers, max_series), sink);
  RenderCapped(kClientCertificates, caps.client_certificates.Apply(counts.client_certificates, max_series), sink);
  for (const auto& series : counter.sessions()) {
    sink.Add(kSessions,
             {series.database, series.user, ToString(series.network), sessions::EncryptionLabel(series.encryption)},
             static_cast<double>(series.sessions));
  }
  sink.Add(kFolded, {kSessions.name}, static_cast<double>(counter.folded()));
  RenderByNetwork(kUnencryptedSessions, counter.unencrypted(), sink);
  sink.Add(kCountedSince, {}, metrics::Seconds(counter.since().time_since_epoch()));
  sink.Add(kLosses, {"server_changed"}, static_cast<double>(counter.server_changes()));
  if (const auto oldest = counts.oldest_unencrypted_us) {
    sink.Add(kOldestUnencrypted, {}, metrics::Seconds(std::chrono::microseconds(*oldest)));
  }
  const auto violations = caps.violations.Apply(counts.violations, max_series);
  RenderCapped(kViolating, violations, sink);
  RenderByNetwork(kViolatingByNetwork, counts.violating_by_network, sink);
  return SummaryOf(counts, unencrypted, violations);
}

void RenderEstablished(const sessions::EstablishedCounter& counter, Sink& sink) {
  std::uint64_t folded_established = 0;
  std::uint64_t folded_sampled = 0;
  for (const sessions::EstablishedSeries& series : counter.series()) {
    sink.Add(kEstablished, {series.database}, static_cast<double>(series.established));
    sink.Add(kSampled, {series.database}, static_cast<double>(series.sampled));
    if (series.database != metrics::kOther) continue;
    folded_established += series.established;
    folded_sampled += series.sampled;
  }
  sink.Add(kLosses, {"server_restarted"}, static_cast<double>(counter.losses().restarts));
  sink.Add(kLosses, {"statistics_reset"}, static_cast<double>(counter.losses().resets));
  sink.Add(kLosses, {"database_dropped"}, static_cast<double>(counter.losses().dropped_databases));
  sink.Add(kFolded, {kEstablished.name}, static_cast<double>(folded_established));
  sink.Add(kFolded, {kSampled.name}, static_cast<double>(folded_sampled));
}

void RenderExemptions(const config::Policy& policy, const sessions::Exemptions& exemptions, const Counts& counts,
                      std::size_t max_series, SessionCaps& caps, Sink& sink) {
  RenderCapped(kExempted, caps.exempted.Apply(counts.exempted, max_series), sink);
  std::map<std::string_view, std::size_t> connections;
  for (const config::Exemption* const exemption : exemptions.in_force()) connections[exemption->name] = 0;
  for (const auto& [key, count] : counts.exempted.counts()) connections[key.exemption] += count;
  for (const auto& [exemption, count] : connections) {
    sink.Add(kExemptedByExemption, {exemption}, static_cast<double>(count));
  }
  for (const auto& exemption : policy.allow_unencrypted) {
    if (const auto end = exemption.end())
      sink.Add(kExemptionEnd, {exemption.name}, metrics::Seconds(end->time_since_epoch()));
  }
}

}  // namespace pgtls::collectors
