#include "exporter/sampling/health.h"

#include <array>
#include <set>

#include "exporter/metrics/sink.h"

namespace pgtls::sampling {
namespace {

using metrics::Desc;
using metrics::Type;

constexpr Desc kUp = {"pg_tls_up",
                      Type::kGauge,
                      "Whether the server answered the last collection over the exporter's connection (1) or not (0).",
                      {"server"}};
constexpr Desc kConnectionInfo = {
    "pg_tls_exporter_connection_info",
    Type::kGauge,
    "How the exporter's own connection is protected, by pg_stat_ssl (PgBouncer: by libpq); always 1.",
    {"server", "sslmode", "encryption", "version", "cipher"}};
constexpr Desc kSuccess = {"pg_tls_collector_success",
                           Type::kGauge,
                           "Whether the collector's last run succeeded (1) or failed (0).",
                           {"server", "collector"}};
constexpr Desc kFailureInfo = {"pg_tls_collector_failure_info",
                               Type::kGauge,
                               "Why the collector's last run failed; always 1.",
                               {"server", "collector", "reason"}};
constexpr Desc kIncompleteInfo = {"pg_tls_collector_incomplete_info",
                                  Type::kGauge,
                                  "A part that a successful run could not check, and why; always 1.",
                                  {"server", "collector", "part", "reason"}};
constexpr Desc kDuration = {"pg_tls_collector_duration_seconds",
                            Type::kGauge,
                            "Duration of the collector's last run.",
                            {"server", "collector"}};
constexpr Desc kLastSuccess = {"pg_tls_collector_last_success_timestamp_seconds",
                               Type::kGauge,
                               "When the collector's last successful run ended, in seconds since the epoch.",
                               {"server", "collector"}};
constexpr Desc kInterval = {"pg_tls_collector_interval_seconds",
                            Type::kGauge,
                            "The configured interval between two runs of the collector.",
                            {"server", "collector"}};

constexpr std::array<const Desc*, 8> kDescs = {&kUp,       &kConnectionInfo, &kSuccess, &kFailureInfo, &kIncompleteInfo,
                                               &kDuration, &kLastSuccess,    &kInterval};

}  // namespace

std::span<const Desc* const> HealthDescs() { return kDescs; }

metrics::SharedSamples RenderHealth(const ServerSnapshot& snapshot, const metrics::SharedSamples& previous) {
  metrics::Sink sink(snapshot.name);
  if (snapshot.up) sink.Add(kUp, {}, *snapshot.up ? 1 : 0);
  if (snapshot.connection) {
    const OwnConnection& own = *snapshot.connection;
    sink.Add(kConnectionInfo, {own.sslmode, own.encryption, own.version, own.cipher}, 1);
  }
  return sink.RenderAfter(previous);
}

metrics::SharedSamples RenderHealth(std::string_view server, const CollectorState& state) {
  metrics::Sink sink(server);
  if (state.result && state.result->unsupported) return sink.Render();
  sink.Add(kInterval, {state.name}, metrics::Seconds(state.interval));
  if (state.last_success) {
    sink.Add(kLastSuccess, {state.name}, metrics::Seconds(state.last_success->time_since_epoch()));
  }
  if (!state.result) return sink.Render();
  const CollectorResult& result = *state.result;
  sink.Add(kSuccess, {state.name}, result.failure ? 0 : 1);
  sink.Add(kDuration, {state.name}, metrics::Seconds(result.duration));
  if (result.failure) sink.Add(kFailureInfo, {state.name, ToString(result.failure->reason)}, 1);
  std::set<std::pair<std::string, std::string>> added;
  for (const auto& [part, reason, detail] : result.incomplete) {
    if (added.emplace(part, reason).second) sink.Add(kIncompleteInfo, {state.name, part, reason}, 1);
  }
  return sink.Render();
}

}  // namespace pgtls::sampling
