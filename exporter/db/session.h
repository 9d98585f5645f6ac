// A logged-in session on a server, as collectors see it.
#pragma once

#include <asio/awaitable.hpp>
#include <optional>
#include <string>
#include <vector>

#include "exporter/base/deadline.h"
#include "exporter/db/result.h"

namespace pgtls::db {

// A query by name. It is prepared once on each connection, under this name, and executed from then on.
struct Statement {
  std::string name;  // unique within the program: "sessions", "hba_rules"
  std::string sql;
};

using Parameters = std::vector<std::optional<std::string>>;

// Used on the sampling loop only, by several coroutines at once where they like: each query waits for its turn.
class Session {
 public:
  virtual ~Session() = default;

  // Throws DbError (the server's error, or the connection was lost) and TimeoutError; after a TimeoutError the
  // connection is closed.
  virtual asio::awaitable<Result> Query(const Statement& statement, Parameters parameters, Deadline deadline) = 0;

  // As PQserverVersion: 150020.
  virtual int server_version() const = 0;
  virtual int backend_pid() const = 0;
};

}  // namespace pgtls::db
