#include "exporter/sampling/once.h"

#include <exception>
#include <memory>

namespace pgtls::sampling {

Snapshots CollectOnce(const config::Config& config, Runtime& runtime) {
  std::vector<std::shared_ptr<Server>> servers;
  for (const auto& server : config.servers) {
    servers.push_back(std::make_shared<Server>(std::make_shared<const config::ServerConfig>(server), runtime));
  }
  std::exception_ptr failure;
  for (const auto& server : servers) {
    asio::co_spawn(runtime.loop, server->RunOnce(), [&failure](const std::exception_ptr& error) {
      if (error) failure = error;
    });
  }
  runtime.loop.restart();
  runtime.loop.run();
  if (failure) std::rethrow_exception(failure);
  Snapshots snapshots;
  for (const auto& server : servers) snapshots.push_back(server->Snapshot());
  return snapshots;
}

}  // namespace pgtls::sampling
