#include "exporter/exposition/self_metrics.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <openssl/crypto.h>
#include <pgtls/build_info.h>

#include <array>

#include "exporter/base/log.h"
#include "exporter/metrics/process.h"

namespace pgtls::exposition {
namespace {

using metrics::Desc;
using metrics::Type;

constexpr Desc kBuildInfo = {"pg_tls_exporter_build_info",
                             Type::kGauge,
                             "Versions of the exporter, its compiler, libpq and OpenSSL; always 1.",
                             {"version", "revision", "compiler", "libpq", "openssl"}};
constexpr Desc kReloadSuccessful = {"pg_tls_exporter_config_last_reload_successful",
                                    Type::kGauge,
                                    "Whether the last load of the configuration succeeded (1) or was refused (0).",
                                    {}};
constexpr Desc kReloadTime = {"pg_tls_exporter_config_last_reload_success_timestamp_seconds",
                              Type::kGauge,
                              "When the configuration in force was loaded, in seconds since the epoch.",
                              {}};
constexpr Desc kRequests = {"pg_tls_exporter_http_requests_total",
                            Type::kCounter,
                            "HTTP requests answered, by handler and status code.",
                            {"handler", "code"}};
constexpr Desc kOverloaded = {"pg_tls_exporter_overloaded",
                              Type::kGauge,
                              "Whether intervals are on average at least 1.5 times as long as configured because "
                              "collections wait for each other (1) or not (0).",
                              {}};
constexpr Desc kDelayed = {"pg_tls_exporter_delayed_collections_total",
                           Type::kCounter,
                           "Collections that waited for other collections longer than half of their interval.",
                           {}};
constexpr Desc kLimit = {"pg_tls_exporter_concurrent_collections_limit",
                         Type::kGauge,
                         "Limit on concurrent collections; adapts to how fast the servers answer.",
                         {}};
constexpr Desc kDroppedLines = {"pg_tls_exporter_log_lines_dropped_total",
                                Type::kCounter,
                                "Log lines that were dropped because standard error was not read.",
                                {}};
constexpr Desc kShards = {
    "pg_tls_exporter_shards",
    Type::kGauge,
    "Number of exporters that share the configuration, by the number of this one (from 0); absent "
    "without --servers.shard.",
    {"shard"}};
constexpr std::array<const Desc*, 9> kDescs = {&kBuildInfo, &kReloadSuccessful, &kReloadTime,
                                               &kRequests,  &kOverloaded,       &kDelayed,
                                               &kLimit,     &kDroppedLines,     &kShards};

constexpr std::string_view kCompiler = __VERSION__;

std::string LibpqVersion() {
  const int version = PQlibVersion();
  return fmt::format("{}.{}", version / 10000, version % 10000);
}

std::string OpensslVersion() { return OpenSSL_version(OPENSSL_VERSION_STRING); }

}  // namespace

void ReloadStatus::Set(bool successful) {
  const std::lock_guard lock(mutex_);
  state_.successful = successful;
  if (successful) state_.last_success = std::chrono::system_clock::now();
}

ReloadStatus::State ReloadStatus::Get() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

std::span<const Desc* const> ExporterDescs() { return kDescs; }

metrics::SharedSamples RenderExporter(const ReloadStatus& reload, const http::RequestCounter* requests,
                                      const std::optional<sampling::Admission::Figures>& load,
                                      const config::Shard& shard) {
  metrics::Sink sink("");
  sink.Add(kBuildInfo, {PGTLS_VERSION, PGTLS_REVISION, kCompiler, LibpqVersion(), OpensslVersion()}, 1);
  const ReloadStatus::State state = reload.Get();
  sink.Add(kReloadSuccessful, {}, state.successful ? 1 : 0);
  if (state.last_success) sink.Add(kReloadTime, {}, metrics::Seconds(state.last_success->time_since_epoch()));
  if (requests == nullptr) return sink.Render();
  for (const auto& [key, count] : requests->Snapshot()) {
    sink.Add(kRequests, {key.first, std::to_string(key.second)}, static_cast<double>(count));
  }
  if (load) {
    sink.Add(kOverloaded, {}, load->overloaded ? 1 : 0);
    sink.Add(kDelayed, {}, static_cast<double>(load->delayed));
    sink.Add(kLimit, {}, static_cast<double>(load->limit));
  }
  sink.Add(kDroppedLines, {}, static_cast<double>(log::DroppedLines()));
  if (shard.count > 1) sink.Add(kShards, {std::to_string(shard.number)}, static_cast<double>(shard.count));
  metrics::AddProcess(sink);
  return sink.Render();
}

std::string VersionText() {
  return fmt::format("pg_tls_exporter {} (revision {}, {}, libpq {}, OpenSSL {})", PGTLS_VERSION, PGTLS_REVISION,
                     kCompiler, LibpqVersion(), OpensslVersion());
}

}  // namespace pgtls::exposition
