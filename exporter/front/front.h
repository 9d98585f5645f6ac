// The front: every connection from outside comes here first. On its own thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "exporter/front/peers.h"
#include "exporter/http/request_counter.h"

namespace pgtls::front {

struct FrontLimits;

// Accepts every listener, plain or TLS, and lets through whole requests only, one after the other, as many at once as
// there are workers, and in turn from each client network. Bounded: at most max_connections (one of the network that
// has most gives way to a new one); 16 KiB of head in 10 s; kLongestHandler for a handler, 60 s for its response; and
// where all workers are busy, those who read nothing are cut, one for each request that waits.
class Front {
 public:
  // Listens, but accepts nobody before Start(). Throws ConfigError (the web configuration, or an address that cannot be
  // used). REQUIRES: `peers` outlives this.
  Front(const std::vector<std::string>& listen_addresses, const FrontLimits& limits, int workers,
        const std::string& web_config_file, Peers& peers, std::shared_ptr<http::RequestCounter> counter);
  ~Front();  // Stop()
  Front(const Front&) = delete;
  Front& operator=(const Front&) = delete;

  // "127.0.0.1:9743", with the port that was got.
  const std::vector<std::string>& addresses() const;
  void Start(std::uint16_t inner_port);
  // Cuts every connection and joins the thread. Idempotent. False where a thread is in work that cannot be waited for
  // (a password check, a file that hangs): the process must then end without running static destructors under it.
  bool Stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pgtls::front
