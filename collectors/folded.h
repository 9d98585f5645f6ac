// How much the cap on series folded: one metric for all collectors that have one.
#pragma once

#include "exporter/metrics/desc.h"

namespace pgtls::collectors {

// In the list of the sessions collector alone: a metric stands once in the catalogue.
inline constexpr metrics::Desc kFolded = {
    "pg_tls_folded_connections",
    metrics::Type::kGauge,
    "Connections (of a counter: sessions) that the cap on series folded into __other__.",
    {"server", "metric"}};

}  // namespace pgtls::collectors
