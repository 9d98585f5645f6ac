// GET /probe?target=HOST:PORT&module=NAME: the collectors once, inside the scrape's deadline.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "exporter/config/config.h"
#include "exporter/http/message.h"
#include "exporter/metrics/family_order.h"
#include "exporter/routes/probe_target.h"
#include "exporter/sampling/server.h"

namespace pgtls::routes {

// Outlives its handler.
struct ProbeSource {
  std::shared_ptr<const metrics::FamilyOrder> order;
  std::function<std::shared_ptr<const config::Config>()> config;
  sampling::Runtime& runtime;
  int concurrency;                    // at once; 503 beyond
  const std::atomic<bool>& stopping;  // the loop runs no more: answers 503 and returns
  // Which addresses of a name are allowed; blocks, on the runtime's pool. A test has its own.
  std::function<std::vector<std::string>(const std::vector<config::AllowedTarget>&, const ProbeTarget&)> addresses =
      AllowedAddresses;
};

// 404 without modules; 400 for a target or module that makes no sense; 403 for a target that the module does not allow,
// before one packet is sent; 503 when busy. What goes wrong on the target itself is a 200 that says so in its series.
http::Handler ProbeHandler(ProbeSource source);

}  // namespace pgtls::routes
