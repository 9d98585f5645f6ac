// The page at /metrics, from ready texts: each family's header once, then the samples of every server.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "exporter/http/message.h"
#include "exporter/metrics/family_order.h"
#include "exporter/metrics/samples.h"
#include "exporter/sampling/result.h"

namespace pgtls::exposition {

inline constexpr const char* kExpositionType = "text/plain; version=0.0.4; charset=utf-8";

// What a scrape asks for.
struct PageFilter {
  std::set<std::string> collectors;  // empty: all
  bool exporter = true;              // the exporter's own families too
};

// Families in this order. The body shares the texts with the results and keeps `servers` alive; no text is copied.
// `exporter`, its own families, may be null.
http::Body MetricsPage(std::shared_ptr<const metrics::FamilyOrder> order, sampling::Snapshots servers,
                       const metrics::SharedSamples& exporter, const PageFilter& filter);

}  // namespace pgtls::exposition
