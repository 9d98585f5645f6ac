// The exporter's own metrics about a server: up, its connection, its collectors.
#pragma once

#include <span>
#include <vector>

#include "exporter/sampling/result.h"

namespace pgtls::sampling {

std::span<const metrics::Desc* const> HealthDescs();

// Families from everything in `snapshot` but its `health`.
std::vector<metrics::RenderedFamily> RenderHealth(const ServerSnapshot& snapshot);

}  // namespace pgtls::sampling
