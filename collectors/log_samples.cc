#include "collectors/log_samples.h"

#include <string>

#include "collectors/folded.h"
#include "exporter/sessions/session.h"

namespace pgtls::collectors {
namespace {

using metrics::Desc;
using metrics::Sink;
using metrics::Type;

constexpr Desc kSessions = {"pg_tls_logged_sessions_total",
                            Type::kCounter,
                            "Sessions in the server's log since the exporter follows it, by encryption; unknown where "
                            "the client may have forged the record.",
                            {"server", "database", "user", "network", "encryption"}};
constexpr Desc kUnencryptedSessions = {
    "pg_tls_logged_unencrypted_sessions_total",
    Type::kCounter,
    "TCP sessions in the server's log with neither TLS nor GSS encryption, since the exporter follows it.",
    {"server", "network", "allowed"}};
constexpr Desc kUnencryptedClients = {
    "pg_tls_logged_unencrypted_clients",
    Type::kGauge,
    "TCP sessions in the server's log with neither TLS nor GSS encryption, within the last window (1h by default), by "
    "client and whether the policy allows them.",
    {"server", "database", "user", "client_addr", "application_name", "network", "allowed"}};
constexpr Desc kRejections = {"pg_tls_logged_rejections_total",
                              Type::kCounter,
                              "Connections in the server's log that pg_hba.conf refused: by a rule with reject, or "
                              "because no rule matches.",
                              {"server", "database", "user", "client_addr", "encryption", "cause"}};
constexpr Desc kHandshakeFailures = {"pg_tls_logged_handshake_failures_total",
                                     Type::kCounter,
                                     "TLS handshakes in the server's log that failed, by reason.",
                                     {"server", "reason"}};
constexpr Desc kAuthentications = {"pg_tls_logged_authentications_total",
                                   Type::kCounter,
                                   "Authentications in the server's log by the rule of pg_hba.conf that admitted them.",
                                   {"server", "method", "file", "line"}};
constexpr Desc kContradictions = {
    "pg_tls_logged_contradictions_total",
    Type::kCounter,
    "Sessions whose record in the server's log says another encryption than pg_stat_ssl or the rule of pg_hba.conf.",
    {"server"}};
constexpr Desc kLastRecord = {"pg_tls_log_last_record_timestamp_seconds",
                              Type::kGauge,
                              "When the last record of the server's log that was read was written, in seconds since "
                              "the epoch.",
                              {"server"}};
constexpr Desc kGaps = {"pg_tls_log_gaps_total",
                        Type::kCounter,
                        "Times that records of the server's log were lost: a file disappeared or was truncated before "
                        "it was read, or more than max_bytes were left to read.",
                        {"server"}};

std::string_view ToString(bool allowed) { return allowed ? "true" : "false"; }

}  // namespace

constexpr std::array<const Desc*, 9> kLogDescs = {&kSessions,       &kUnencryptedSessions, &kUnencryptedClients,
                                                  &kRejections,     &kHandshakeFailures,   &kAuthentications,
                                                  &kContradictions, &kLastRecord,          &kGaps};

void RenderLogProgress(std::optional<std::chrono::sys_time<std::chrono::milliseconds>> last_record, std::size_t gaps,
                       Sink& sink) {
  if (last_record) sink.Add(kLastRecord, {}, metrics::Seconds(last_record->time_since_epoch()));
  sink.Add(kGaps, {}, static_cast<double>(gaps));
}

void RenderLogCounts(serverlog::Counts& counts, const serverlog::CountLimits& limits, Sink& sink) {
  for (const auto& [key, counter] : counts.sessions.counters()) {
    sink.Add(kSessions, {key.database, key.user, ToString(key.network), sessions::EncryptionLabel(key.encryption)},
             static_cast<double>(counter.count));
  }
  sink.Add(kFolded, {kSessions.name}, static_cast<double>(counts.sessions.folded()));
  for (const auto& [key, count] : counts.unencrypted) {
    sink.Add(kUnencryptedSessions, {ToString(key.first), ToString(key.second)}, static_cast<double>(count));
  }
  std::size_t folded_clients = 0;
  for (const auto& [key, count] : counts.unencrypted_clients.Current(limits.now, limits.window)) {
    if (key == key.Folded()) folded_clients += count;
    sink.Add(
        kUnencryptedClients,
        {key.database, key.user, key.client_addr, key.application_name, ToString(key.network), ToString(key.allowed)},
        static_cast<double>(count));
  }
  sink.Add(kFolded, {kUnencryptedClients.name}, static_cast<double>(folded_clients));
  for (const auto& [key, counter] : counts.rejections.counters()) {
    sink.Add(kRejections,
             {key.database, key.user, key.client_addr, ToString(key.encryption), key.no_entry ? "no_entry" : "reject"},
             static_cast<double>(counter.count));
  }
  sink.Add(kFolded, {kRejections.name}, static_cast<double>(counts.rejections.folded()));
  for (const auto& [reason, count] : counts.handshake_failures) {
    sink.Add(kHandshakeFailures, {reason}, static_cast<double>(count));
  }
  for (const auto& [key, counter] : counts.authentications.counters()) {
    sink.Add(kAuthentications, {key.method, key.file, std::to_string(key.line)}, static_cast<double>(counter.count));
  }
  sink.Add(kFolded, {kAuthentications.name}, static_cast<double>(counts.authentications.folded()));
  sink.Add(kContradictions, {}, static_cast<double>(counts.contradictions));
}

}  // namespace pgtls::collectors
