#include "exporter/sampling/fleet.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "exporter/base/error.h"

namespace pgtls::sampling {

ResolvedConfig Resolve(config::Config config) {
  ResolvedConfig resolved;
  resolved.targets.reserve(config.servers.size());
  for (const auto& server : config.servers) {
    try {
      resolved.targets.push_back(db::ResolveTarget(server.conninfo));
    } catch (const ConfigError& error) {
      throw ConfigError("server " + server.name + ": " + error.what());
    }
  }
  resolved.config = std::make_shared<const config::Config>(std::move(config));
  return resolved;
}

void Fleet::Apply(ResolvedConfig resolved) {
  if (stopped_) return;
  std::vector<std::shared_ptr<Server>> servers;
  servers.reserve(resolved.targets.size());
  for (std::size_t i = 0; i < resolved.targets.size(); ++i) {
    const std::shared_ptr<const config::ServerConfig> config(resolved.config, &resolved.config->servers[i]);
    db::Target target = std::move(resolved.targets[i]);
    const auto known = std::find_if(servers_.begin(), servers_.end(),
                                    [&](const auto& existing) { return existing->config().name == config->name; });
    if (known == servers_.end()) {
      servers.push_back(std::make_shared<Server>(config, std::move(target), runtime_));
      servers.back()->Start();
    } else {
      (*known)->Reconfigure(config, std::move(target));
      servers.push_back(*known);
    }
  }
  for (const auto& existing : servers_) {
    if (std::find(servers.begin(), servers.end(), existing) == servers.end()) existing->Stop();
  }
  const std::lock_guard lock(mutex_);
  servers_ = std::move(servers);
  started_ = true;
}

bool Fleet::started() const {
  const std::lock_guard lock(mutex_);
  return started_;
}

void Fleet::Stop() {
  stopped_ = true;
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

std::optional<std::string> Fleet::Stuck(Deadline now) const {
  const std::lock_guard lock(mutex_);
  const auto stuck = std::ranges::find_if(servers_, [now](const auto& server) { return server->IsStuck(now); });
  // The name is read from the published snapshot: the configuration changes on the loop.
  return stuck == servers_.end() ? std::nullopt : std::optional((*stuck)->Snapshot()->name);
}

}  // namespace pgtls::sampling
