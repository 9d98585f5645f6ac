// The page at /metrics, from ready texts: each family's header once, then the samples of every server.
#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

#include "exporter/http/message.h"
#include "exporter/metrics/samples.h"
#include "exporter/sampling/result.h"

namespace pgtls::http {

inline constexpr const char* kExpositionType = "text/plain; version=0.0.4; charset=utf-8";

// What a scrape asks for.
struct PageFilter {
  std::set<std::string> collectors;  // empty: all
  bool exporter = true;              // the exporter's own families too
};

// Families in `catalogue`'s order. The body shares the texts with the results and keeps `servers` alive; nothing is
// copied. `exporter`, its own families, may be null.
Body MetricsPage(std::span<const metrics::Desc* const> catalogue, sampling::Snapshots servers,
                 const metrics::SharedSamples& exporter, const PageFilter& filter);

}  // namespace pgtls::http
