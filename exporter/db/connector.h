// Opens connections without blocking the loop: libpq does all that it does (several hosts, service files,
// target_session_attrs, prefer's retry), each of its steps on a pool's thread, the waits between them on the loop.
#pragma once

#include <asio.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "exporter/base/blocking.h"
#include "exporter/base/deadline.h"
#include "exporter/base/slots.h"
#include "exporter/db/connection.h"

namespace pgtls::db {

struct ConnectOptions {
  std::string conninfo;
  std::string password_file;  // read at every connect, so that a rotated password is picked up; empty: none
  // What the connection, or an attempt that is given up, leaves on the server; null: nobody asks.
  std::shared_ptr<ClosingSockets> closing = nullptr;
};

// Makes libpq's default sslmode "require" for this process, below all that an operator says (conninfo, service file,
// PGSSLMODE); libpq itself ignores it over Unix sockets. Call once at start, before there are threads.
void RequireEncryptionByDefault();

// Used on the sampling loop only.
class Connector {
 public:
  // At most `max_concurrent` connects are in progress at once; a connect costs 7 ms of CPU, and a thousand at once
  // would time each other out. Four times as many may beside them wait for servers that are silent.
  // libpq then asks nobody for the passphrase of a client key, in the whole process.
  Connector(BlockingPool& blocking, std::size_t max_concurrent);

  // Waits for its turn, for `patience` at most (nullopt: as long as it takes), then connects within `timeout`. Throws
  // LoginError, TimeoutError, and Error for a password file that is no regular file.
  asio::awaitable<std::unique_ptr<Connection>> Connect(ConnectOptions options, std::chrono::milliseconds timeout,
                                                       std::optional<std::chrono::milliseconds> patience = {});

 private:
  class Turn;
  asio::awaitable<std::unique_ptr<Connection>> Establish(ConnectOptions options, std::shared_ptr<Turn> turn);

  BlockingPool& blocking_;
  Slots turns_;
  std::size_t silent_free_;
};

}  // namespace pgtls::db
