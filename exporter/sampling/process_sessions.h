// Sessions on the other processes of a server (ServerConfig::processes). Context::facts() has them for a collector that
// needs SQL, so that only those that use them know them.
#pragma once

#include <asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>

#include "exporter/base/deadline.h"
#include "exporter/sampling/driver.h"

namespace pgtls::sampling {

struct ProcessSessions {
  // The session of the last collection if it is usable, else a new one. Several may be asked for at once, each of
  // another process. Throws LoginError and TimeoutError, and Error for another kind of server.
  std::function<asio::awaitable<std::shared_ptr<ServerSession>>(std::string process, Deadline deadline)> open;
};

}  // namespace pgtls::sampling
