// The exporter's own metrics about a server: up, its connection, its collectors.
#pragma once

#include <span>
#include <string_view>

#include "exporter/sampling/result.h"

namespace pgtls::sampling {

std::span<const metrics::Desc* const> HealthDescs();

// Renders the metrics of the server as a whole, from `snapshot` without its collectors and `health`, and those of one
// collector, from `state` without its `health`. They are separate because a collection changes one collector's only.
// `previous`: see Sink::RenderAfter().
metrics::SharedSamples RenderHealth(const ServerSnapshot& snapshot, const metrics::SharedSamples& previous);
metrics::SharedSamples RenderHealth(std::string_view server, const CollectorState& state);

}  // namespace pgtls::sampling
