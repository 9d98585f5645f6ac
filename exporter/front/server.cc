#include "exporter/front/server.h"

#include <memory>
#include <utility>

#include "exporter/base/log.h"
#include "exporter/front/civetweb.h"
#include "exporter/front/client_connection.h"
#include "exporter/front/front.h"
#include "exporter/front/peers.h"
#include "exporter/http/router.h"

namespace pgtls::front {

struct Server::Parts {
  Peers peers;
  http::Router router;
  // The front is created first, because it checks the options, and stopped first, because a worker may wait for it.
  std::unique_ptr<Front> front;
  std::unique_ptr<CivetWeb> inner;
};

Server::Server(const ServerOptions& options, std::vector<http::Route> routes,
               std::shared_ptr<http::RequestCounter> counter)
    : parts_(new Parts{.router = http::Router(std::move(routes), counter)}) {
  FrontLimits limits;
  limits.max_connections = options.max_connections;
  limits.head = options.head_timeout;
  limits.idle = options.idle_timeout;
  limits.handler = options.handler_timeout;
  limits.response = options.response_timeout;
  limits.queue = options.queue_timeout;
  parts_->front = std::make_unique<Front>(options.listen_addresses, limits, options.workers, options.web_config_file,
                                          parts_->peers, std::move(counter));
  parts_->inner = std::make_unique<CivetWeb>(options.workers, parts_->router, parts_->peers);
  parts_->front->Start(parts_->inner->port());
  for (const auto& address : addresses()) log::Info("listening", {{"address", address}});
}

Server::~Server() { Stop(); }

const std::vector<std::string>& Server::addresses() const { return parts_->front->addresses(); }

bool Server::Stop() {
  const bool idle = parts_->front->Stop();
  parts_->inner.reset();
  return idle;
}

}  // namespace pgtls::front
