// The front accepts every connection from outside. It has its own thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "exporter/front/peers.h"
#include "exporter/http/request_counter.h"

namespace pgtls::front {

struct FrontLimits;

// Accepts connections on all listeners, plain or TLS, and passes on complete requests only: as many at once as there
// are workers, fairly between client networks. Limits: max_connections (a new connection replaces one of the network
// that has most); 16 KiB of head in 10 s; kLongestHandler for a handler, 60 s for its response. If all workers are
// busy, clients that do not read are disconnected, one for each request that waits.
class Front {
 public:
  // Listens, and accepts connections after Start(). Throws ConfigError (the web configuration, or an address that
  // cannot be used). REQUIRES: `peers` outlives this.
  Front(const std::vector<std::string>& listen_addresses, const FrontLimits& limits, int workers,
        const std::string& web_config_file, Peers& peers, std::shared_ptr<http::RequestCounter> counter);
  ~Front();  // Stop()
  Front(const Front&) = delete;
  Front& operator=(const Front&) = delete;

  // Returns addresses such as "127.0.0.1:9743", with the real port.
  const std::vector<std::string>& addresses() const;
  void Start(std::uint16_t inner_port);
  // Closes every connection and joins the thread. Idempotent. False: a thread is blocked (a password check, a file on a
  // dead network file system) and was abandoned; the process must then exit without running static destructors.
  bool Stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pgtls::front
