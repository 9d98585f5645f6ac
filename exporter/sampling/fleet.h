// All watched servers.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "exporter/sampling/server.h"

namespace pgtls::sampling {

// Apply() is the only way in which servers change: start-up is Apply from empty, reload is Apply. Apply() and Stop()
// run on the loop, Snapshots() and TriedOnce() on any thread.
class Fleet {
 public:
  explicit Fleet(Runtime& runtime) : runtime_(runtime) {}

  // All or nothing: throws ConfigError, with nothing changed, where a server of `config` cannot be made. Servers are
  // keyed by name, and share `config`, which is never null.
  void Apply(const std::shared_ptr<const config::Config>& config);
  void Stop();

  // In the configuration's order.
  sampling::Snapshots Snapshots() const;
  // Every enabled collector of every server has run or failed once.
  bool TriedOnce() const;

 private:
  Runtime& runtime_;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Server>> servers_;
};

}  // namespace pgtls::sampling
