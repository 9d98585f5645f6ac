// Opens connections without blocking the loop. libpq does its usual work (several hosts, service files,
// target_session_attrs, the retry of sslmode=prefer): each of its steps on a thread of the pool, the waits on the loop.
#pragma once

#include <asio.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "exporter/base/blocking.h"
#include "exporter/base/deadline.h"
#include "exporter/base/semaphore.h"
#include "exporter/db/connection.h"

namespace pgtls::db {

struct ConnectOptions {
  std::string conninfo;
  std::string password_file;  // re-read on each connection attempt, so a rotated password takes effect; empty: none
  // Counts the connection, or an abandoned attempt, until the server closes it; may be null.
  std::shared_ptr<ClosingSockets> closing = nullptr;
  std::string database = {};  // instead of the conninfo's; empty: the conninfo's
  // Called with this end of each TCP connection, also of those that libpq gives up for another. May be null.
  std::function<void(const SocketAddress&)> on_socket = nullptr;
};

// Used on the sampling loop only.
class Connector {
 public:
  // At most `max_concurrent` connects are in progress at once: a connect costs 7 ms of CPU, and a thousand at once
  // would time each other out. In addition, up to four times as many may wait on servers that do not answer. Disables,
  // for the whole process, libpq's prompt for the passphrase of a client key.
  Connector(BlockingPool& blocking, std::size_t max_concurrent);

  // Waits for a permit, at most `patience` (nullopt: without limit), then connects within `timeout`. Throws LoginError,
  // TimeoutError, and Error if the password file is not a regular file.
  asio::awaitable<std::unique_ptr<Connection>> Connect(ConnectOptions options, std::chrono::milliseconds timeout,
                                                       std::optional<std::chrono::milliseconds> patience = {});

 private:
  class Permit;
  asio::awaitable<std::unique_ptr<Connection>> Establish(ConnectOptions options, std::shared_ptr<Permit> permit);

  BlockingPool& blocking_;
  Semaphore active_;         // connects that keep this process busy
  std::size_t free_silent_;  // permits for connects whose server does not answer
};

}  // namespace pgtls::db
