#include "exporter/sampling/fleet.h"

#include <algorithm>

#include "exporter/base/error.h"

namespace pgtls::sampling {

void Fleet::Apply(const std::shared_ptr<const config::Config>& config) {
  struct Change {
    std::shared_ptr<Server> server;
    std::shared_ptr<const config::ServerConfig> config;
    std::optional<db::Target> target;  // absent: a new server
  };
  // Everything that can fail comes before the first change.
  std::vector<Change> changes;
  changes.reserve(config->servers.size());
  for (const auto& server : config->servers) {
    const std::shared_ptr<const config::ServerConfig> shared(config, &server);
    const auto known = std::find_if(servers_.begin(), servers_.end(),
                                    [&](const auto& existing) { return existing->config().name == server.name; });
    try {
      if (known == servers_.end()) {
        changes.push_back({std::make_shared<Server>(shared, runtime_), shared, std::nullopt});
      } else {
        changes.push_back({*known, shared, db::ResolveTarget(server.conninfo)});
      }
    } catch (const ConfigError& error) {
      throw ConfigError("server " + server.name + ": " + error.what());
    }
  }
  std::vector<std::shared_ptr<Server>> servers;
  servers.reserve(changes.size());
  for (auto& change : changes) {
    if (change.target) {
      change.server->Reconfigure(change.config, std::move(*change.target));
    } else {
      change.server->Start();
    }
    servers.push_back(std::move(change.server));
  }
  for (const auto& existing : servers_) {
    if (std::find(servers.begin(), servers.end(), existing) == servers.end()) existing->Stop();
  }
  const std::lock_guard lock(mutex_);
  servers_ = std::move(servers);
}

void Fleet::Stop() {
  for (const auto& server : servers_) server->Stop();
}

sampling::Snapshots Fleet::Snapshots() const {
  const std::lock_guard lock(mutex_);
  sampling::Snapshots snapshots;
  snapshots.reserve(servers_.size());
  for (const auto& server : servers_) snapshots.push_back(server->Snapshot());
  return snapshots;
}

bool Fleet::TriedOnce() const {
  const std::lock_guard lock(mutex_);
  return std::all_of(servers_.begin(), servers_.end(), [](const auto& server) {
    const SharedSnapshot snapshot = server->Snapshot();
    return std::all_of(snapshot->collectors.begin(), snapshot->collectors.end(),
                       [](const CollectorState& collector) { return collector.result != nullptr; });
  });
}

}  // namespace pgtls::sampling
