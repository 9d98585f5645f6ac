// The configuration, read again while the program runs.
#pragma once

#include <asio.hpp>
#include <functional>
#include <string>
#include <utility>

#include "exporter/base/blocking.h"
#include "exporter/base/semaphore.h"
#include "exporter/exposition/self_metrics.h"
#include "exporter/sampling/fleet.h"

namespace pgtls {

// Used on the loop.
class Reloads {
 public:
  struct Steps {
    std::function<sampling::ResolvedConfig()> load;       // may block and throw; owns everything that it uses
    std::function<void(sampling::ResolvedConfig)> adopt;  // puts it in force
    std::function<bool()> ending;                         // if true, nothing is changed any more
  };
  Reloads(BlockingPool& blocking, exposition::ReloadStatus& status, Steps steps)
      : blocking_(blocking), status_(status), steps_(std::move(steps)) {}

  // Returns the error; empty after success. Any exception is logged and reported in the status, and the previous
  // configuration stays in force. Reloads run one at a time, in the order of the requests, so an older file that takes
  // longer to read cannot replace a newer one.
  asio::awaitable<std::string> Run();

 private:
  BlockingPool& blocking_;
  exposition::ReloadStatus& status_;
  const Steps steps_;
  Semaphore running_{1};
};

}  // namespace pgtls
