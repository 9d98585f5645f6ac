// All collectors: the lines of collectors.def.
#pragma once

#include <span>

#include "exporter/sampling/collector.h"

namespace pgtls::collectors {

std::span<const sampling::CollectorType* const> All();
// What the configuration needs to know of them.
config::CollectorSchemas Schemas();

}  // namespace pgtls::collectors
