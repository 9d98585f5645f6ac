// Access control by the web configuration in force, which is re-read when its files change: TLS, users, rate limit.
#pragma once

#include <asio.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "exporter/access/basic_auth.h"
#include "exporter/access/rate_limiter.h"
#include "exporter/access/web_config.h"
#include "exporter/base/blocking.h"

namespace pgtls::access {

// Used on the front's executor; files are read and passwords checked on separate threads.
class Gate {
 public:
  // An empty `path` means plain HTTP, without authentication. Throws ConfigError.
  explicit Gate(std::string path);
  ~Gate();
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // Checks, at most once per second, whether the files changed, and applies the new configuration. An invalid
  // configuration is logged once and changes nothing; so is adding or removing tls_server_config, which needs a
  // restart. Throws when cancelled.
  asio::awaitable<void> Refresh();
  std::shared_ptr<const WebConfig> config() const { return config_; }

  // Returns 0 if the request is allowed; 429, 401, or 503 if too many password checks are pending. `client` is
  // "address:port". Throws when cancelled.
  asio::awaitable<int> Check(std::string client, std::optional<std::string> authorization);

  // Ends its threads. False: one is blocked and was abandoned (BlockingPool::Close()). REQUIRES: no call after this.
  bool Close();

 private:
  struct Outcome;
  struct Threads;
  // nullopt: the files have not changed. Blocks.
  static std::optional<Outcome> Look(const std::string& path, const std::vector<std::string>& files,
                                     const std::string& state, bool retry);
  void TakeOver(Outcome outcome);

  const std::string path_;
  std::shared_ptr<const WebConfig> config_;
  std::string state_;    // identity of the files from which config_ was read
  std::string failure_;  // why the last reading failed; empty: it succeeded
  bool refreshing_ = false;
  std::chrono::steady_clock::time_point checked_;
  std::optional<RateLimiter> limiter_;
  std::unique_ptr<Threads> threads_;  // null without a file
};

}  // namespace pgtls::access
