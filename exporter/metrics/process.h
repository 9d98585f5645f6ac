// The standard process_* metrics of this process, from /proc and getrusage(2).
#pragma once

#include <span>

#include "exporter/metrics/sink.h"

namespace pgtls::metrics {

std::span<const Desc* const> ProcessDescs();

// Values that cannot be read are absent.
void AddProcess(Sink& sink);

}  // namespace pgtls::metrics
