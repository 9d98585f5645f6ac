// GET /sd: the configured servers for Prometheus' HTTP service discovery.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "exporter/http/message.h"

namespace pgtls::routes {

// One target a server: this exporter, as the request's Host names it, with the parameter server=NAME. Each has an
// instance label of its own
// ("HOST:PORT/NAME"), so that Prometheus' own series (up, scrape_duration_seconds) stay apart, and __meta_pg_tls_server
// to relabel or shard by.
http::Handler DiscoveryHandler(std::function<std::vector<std::string>()> server_names, std::string telemetry_path);

}  // namespace pgtls::routes
