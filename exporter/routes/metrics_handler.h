// GET /metrics: reads results, never waits for a database.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "exporter/http/message.h"
#include "exporter/metrics/family_order.h"
#include "exporter/metrics/samples.h"
#include "exporter/sampling/result.h"

namespace pgtls::routes {

// Where the page comes from. Called from worker threads, several at once.
struct MetricsSource {
  std::shared_ptr<const metrics::FamilyOrder> order;
  std::span<const sampling::CollectorType* const> collectors;  // that exist
  std::function<sampling::Snapshots()> servers;
  std::function<metrics::SharedSamples()> exporter;
};

// `?server=NAME` (repeatable) narrows the page to these servers, without the exporter's own families; `?collect[]=NAME`
// to these collectors. An unknown name is a 404 that names it: a scrape that silently finds nothing reads as an
// all-clear.
http::Handler MetricsHandler(MetricsSource source);

}  // namespace pgtls::routes
