// How much the cap on series folded: one metric for all collectors that have one.
#pragma once

#include "exporter/metrics/desc.h"

namespace pgtls::collectors {

// In the list of the sessions collector alone: a metric stands once in the catalogue.
inline constexpr metrics::Desc kFolded = {
    "pg_tls_folded_connections",
    metrics::Type::kGauge,
    "Connections (for a counter: sessions) that the limit on series added to __other__.",
    {"server", "metric"}};

}  // namespace pgtls::collectors
