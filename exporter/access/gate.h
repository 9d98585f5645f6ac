// Who may ask, how often, and over what: the web configuration in force, read again when its files change.
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

// Used on the front's executor; files are read and passwords checked on threads of its own.
class Gate {
 public:
  // `path` empty: everything is open. Throws ConfigError.
  explicit Gate(std::string path);
  ~Gate();
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // Looks whether the files changed, at most once a second, and takes over what they say now. What cannot be used is
  // logged once and changes nothing; so does turning TLS on or off, which takes a restart. A change older than a second
  // is in force after this. Throws when cancelled.
  asio::awaitable<void> Refresh();
  std::shared_ptr<const WebConfig> config() const { return config_; }

  // 0: may pass. 429, 401, or 503 where too many passwords wait to be checked. `client` is "address:port". Throws when
  // cancelled.
  asio::awaitable<int> Check(std::string client, std::optional<std::string> authorization);

  // Ends its threads; false where one is in work that cannot be waited for (BlockingPool::Close()). Nothing else may be
  // called then.
  bool Close();

 private:
  struct Outcome;
  struct Threads;
  // nullopt: nothing to take over. Blocks.
  static std::optional<Outcome> Look(const std::string& path, const std::vector<std::string>& files,
                                     const std::string& state, bool retry);
  void TakeOver(Outcome outcome);

  const std::string path_;
  std::shared_ptr<const WebConfig> config_;
  std::string state_;    // of the files, as config_ was read
  std::string failure_;  // why the last reading was of no use; empty: it was
  bool refreshing_ = false;
  std::chrono::steady_clock::time_point looked_;
  std::optional<RateLimiter> limiter_;
  std::unique_ptr<Threads> threads_;  // null without a file
};

}  // namespace pgtls::access
