// The samples of the log collector.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>

#include "exporter/metrics/desc.h"
#include "exporter/metrics/sink.h"
#include "exporter/serverlog/counts.h"

namespace pgtls::collectors {

extern const std::array<const metrics::Desc*, 9> kLogDescs;

// `last_record` is the time of the last record read, absent before the first one.
void RenderLogProgress(std::optional<std::chrono::sys_time<std::chrono::milliseconds>> last_record, std::size_t gaps,
                       metrics::Sink& sink);
void RenderLogCounts(serverlog::Counts& counts, const serverlog::CountLimits& limits, metrics::Sink& sink);

}  // namespace pgtls::collectors
