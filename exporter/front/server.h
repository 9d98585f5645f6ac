// The program's HTTP server: routes in, listening addresses out. Start reading here.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "exporter/front/limits.h"
#include "exporter/http/message.h"
#include "exporter/http/request_counter.h"

namespace pgtls::front {

struct ServerOptions {
  std::vector<std::string> listen_addresses{
      "127.0.0.1:9743"};        // HOST:PORT with an IPv4 or IPv6 address or a name; port 0 is a free port
  std::string web_config_file;  // empty: plain HTTP, without authentication
  int workers = 8;              // threads for handlers, and so concurrent requests
  std::size_t max_connections = 512;
  // For tests; see FrontLimits.
  std::chrono::milliseconds head_timeout{10'000};
  std::chrono::milliseconds idle_timeout{60'000};
  std::chrono::milliseconds handler_timeout{http::kLongestHandler};
  std::chrono::milliseconds response_timeout{60'000};
  std::chrono::milliseconds queue_timeout{10'000};
};

// Serves from construction to Stop(). It has one thread for the front, and CivetWeb's threads.
class Server {
 public:
  // Throws ConfigError (the web configuration, or an address that cannot be used), std::logic_error (two routes for one
  // path), std::runtime_error. `counter` may be null. Handlers may run before this returns.
  Server(const ServerOptions& options, std::vector<http::Route> routes, std::shared_ptr<http::RequestCounter> counter);
  ~Server();  // Stop()
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Returns one address for each listening socket, in the order of the options, such as "127.0.0.1:9743" or
  // "[::1]:9743", with the real port.
  const std::vector<std::string>& addresses() const;

  // Disconnects clients, waits for running handlers (which are not interrupted), and joins all threads. Idempotent.
  // REQUIRES: not called from a handler. False: a thread could not be joined, see Front::Stop().
  bool Stop();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace pgtls::front
