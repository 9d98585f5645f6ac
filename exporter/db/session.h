// A logged-in session on a server, as collectors use it.
#pragma once

#include <asio/awaitable.hpp>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/base/deadline.h"
#include "exporter/base/error.h"
#include "exporter/db/result.h"

namespace pgtls::db {

// A query with a name. It is prepared once per connection, under this name.
struct Statement {
  std::string name;      // unique within the program: "sessions", "hba_rules"; empty: not prepared
  std::string_view sql;  // must outlive the query: usually a constant
};

using Parameters = std::vector<std::optional<std::string>>;

struct Request {
  Statement statement;
  Parameters parameters;
};

// The rows, or the server's error.
using Answer = std::expected<Result, DbError>;

// Returns the rows, or throws the error.
inline Result Take(Answer&& answer) {
  if (!answer) throw DbError(answer.error());
  return *std::move(answer);
}

// A backend, practically unique among all servers: a pid alone is soon reused.
struct BackendId {
  int pid = 0;
  std::int64_t start_us = 0;  // backend_start, in microseconds since the epoch
  friend bool operator==(const BackendId&, const BackendId&) = default;
};

// Used on the sampling loop only. Several coroutines may use one session: their calls run one after another.
class Session {
 public:
  virtual ~Session() = default;

  // Runs several read-only requests in one round trip and returns their answers in order. A server error fails only its
  // own request. The requests share a transaction up to an error. Throws DbError if the connection is lost, and
  // TimeoutError, after which the connection is closed.
  virtual asio::awaitable<std::vector<Answer>> QueryAll(std::vector<Request> requests, Deadline deadline) = 0;

  // Runs one request. Throws like QueryAll().
  asio::awaitable<Answer> Ask(Statement statement, Parameters parameters, Deadline deadline);
  // Runs one request. Throws like QueryAll(), and DbError for an error of the server.
  asio::awaitable<Result> Query(Statement statement, Parameters parameters, Deadline deadline);

  // As PQserverVersion: 150020.
  virtual int server_version() const = 0;
  virtual int backend_pid() const = 0;
  // Whether the connection goes through a pooler. Then each call may be answered by another backend, which existed
  // before and serves other clients afterwards.
  virtual bool pooled() const { return false; }
};

}  // namespace pgtls::db
