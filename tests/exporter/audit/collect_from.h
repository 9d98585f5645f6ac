// One collection of everything from a real server.
#pragma once

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "collectors/registry.h"
#include "exporter/db/connector.h"
#include "exporter/postgres/driver.h"
#include "exporter/sampling/once.h"

namespace pgtls::audit {

// `names`: what `explain` asks about.
inline sampling::Snapshots CollectFrom(const std::string& conninfo, const std::vector<std::string>& names = {}) {
  config::Config config;
  config::ServerConfig& server = config.servers.emplace_back();
  server.name = "db";
  server.conninfo = conninfo;
  for (const sampling::CollectorType* type : collectors::All()) {
    config::CollectorConfig& settings = server.collectors[std::string(type->name)];
    settings = type->schema.Defaults();
    settings.timeout = std::chrono::seconds(60);
    if (type->explain != nullptr) type->explain(names, settings.options);
  }
  asio::io_context loop(1);
  BlockingPool blocking(2);
  db::Connector connector(blocking, 2);
  const std::array drivers = {&postgres::PostgresDriver()};
  sampling::Runtime runtime{loop, blocking, connector, collectors::All(), drivers};
  return sampling::CollectOnce(config, runtime);
}

inline std::chrono::sys_seconds Now() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

}  // namespace pgtls::audit
