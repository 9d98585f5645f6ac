// All watched servers.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "exporter/sampling/server.h"

namespace pgtls::sampling {

// A configuration, and each server's conninfo as libpq resolves it. Immutable; the servers share it.
struct ResolvedConfig {
  std::shared_ptr<const config::Config> config;  // never null
  std::vector<db::Target> targets;               // of config->servers, in their order
};

// Blocks on files (libpq's service and password files). Throws ConfigError, with the server's name, for a conninfo that
// libpq does not understand.
ResolvedConfig Resolve(config::Config config);

// Apply() is the only way in which servers change: start-up is Apply from empty, reload is Apply. Apply() and Stop()
// run on the loop and do not wait; Snapshots(), TriedOnce() and Stuck() on any thread.
class Fleet {
 public:
  explicit Fleet(Runtime& runtime) : runtime_(runtime) {}

  // Servers are keyed by name. After Stop() nothing changes any more.
  void Apply(ResolvedConfig resolved);
  void Stop();

  // In the configuration's order.
  sampling::Snapshots Snapshots() const;
  // Every enabled collector of every server has run or failed once.
  bool TriedOnce() const;
  // Apply() was called.
  bool started() const;
  // The first server with a lane that has stopped making progress. A slow or dead database or a long queue of connects
  // does not stop one.
  std::optional<std::string> Stuck(Deadline now = std::chrono::steady_clock::now()) const;

 private:
  Runtime& runtime_;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Server>> servers_;
  bool started_ = false;
  bool stopped_ = false;
};

}  // namespace pgtls::sampling
