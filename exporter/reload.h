// The configuration, read again while the program runs.
#pragma once

#include <asio.hpp>
#include <functional>
#include <string>
#include <utility>

#include "exporter/base/blocking.h"
#include "exporter/base/slots.h"
#include "exporter/exposition/self_metrics.h"
#include "exporter/sampling/fleet.h"

namespace pgtls {

// Used on the loop.
class Reloads {
 public:
  struct Steps {
    std::function<sampling::ResolvedConfig()> load;       // may block and throw; owns all that it touches
    std::function<void(sampling::ResolvedConfig)> adopt;  // puts it in force
    std::function<bool()> ending;                         // then nothing changes any more
  };
  Reloads(BlockingPool& blocking, exposition::ReloadStatus& status, Steps steps)
      : blocking_(blocking), status_(status), steps_(std::move(steps)) {}

  // What was wrong, empty where nothing was: whatever the exception, it is logged, the status says so, and the
  // configuration before stays in force. One at a time, in the order of asking, from reading the file on: an older file
  // that takes longer to read must not come after a newer one.
  asio::awaitable<std::string> Run();

 private:
  BlockingPool& blocking_;
  exposition::ReloadStatus& status_;
  const Steps steps_;
  Slots turns_{1};
};

}  // namespace pgtls
