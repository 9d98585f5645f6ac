// All collectors: the lines of collectors.def.
#pragma once

#include <span>
#include <vector>

#include "exporter/metrics/desc.h"
#include "exporter/sampling/collector.h"

namespace pgtls::collectors {

std::span<const sampling::CollectorType* const> All();

}  // namespace pgtls::collectors
