// The exporter's own metrics about a server: up, its connection, its collectors.
#pragma once

#include <span>
#include <string_view>

#include "exporter/sampling/result.h"

namespace pgtls::sampling {

std::span<const metrics::Desc* const> HealthDescs();

// What is said of the server as a whole, of all in `snapshot` but its collectors and `health`; and of one collector,
// of all in `state` but its `health`. Apart, because a collection changes that of one. `previous` as
// Sink::RenderAfter() takes it.
metrics::SharedSamples RenderHealth(const ServerSnapshot& snapshot, const metrics::SharedSamples& previous);
metrics::SharedSamples RenderHealth(std::string_view server, const CollectorState& state);

}  // namespace pgtls::sampling
