// What the exporter says about itself as a whole: its build, its configuration, its requests, its process.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "exporter/config/shard.h"
#include "exporter/http/request_counter.h"
#include "exporter/metrics/sink.h"
#include "exporter/sampling/admission.h"

namespace pgtls::exposition {

// How the last reload of the configuration went. Thread-safe.
class ReloadStatus {
 public:
  struct State {
    bool successful = false;
    std::optional<std::chrono::system_clock::time_point> last_success;
  };
  void Set(bool successful);
  State Get() const;

 private:
  mutable std::mutex mutex_;
  State state_;
};

std::span<const metrics::Desc* const> ExporterDescs();

// Null `requests`: a process that serves nothing and ends soon. HTTP counters and process_* are left out then. `load`:
// absent where collections have no limit.
metrics::SharedSamples RenderExporter(const ReloadStatus& reload, const http::RequestCounter* requests,
                                      const std::optional<sampling::Admission::Figures>& load = std::nullopt,
                                      const config::Shard& shard = {});

// "pg_tls_exporter 0.1.0 (revision …) …": also what --version prints.
std::string VersionText();

}  // namespace pgtls::exposition
