// A logged-in session on a server, as collectors see it.
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

// A query by name. It is prepared once on each connection, under this name, and executed from then on.
struct Statement {
  std::string name;      // unique within the program: "sessions", "hba_rules"; empty: it is not kept
  std::string_view sql;  // must live longer than the query, so no temporary: a constant, mostly
};

using Parameters = std::vector<std::optional<std::string>>;

struct Request {
  Statement statement;
  Parameters parameters;
};

// The rows, or the server's error.
using Answer = std::expected<Result, DbError>;

// Throws the error where there is one.
inline Result Take(Answer&& answer) {
  if (!answer) throw DbError(answer.error());
  return *std::move(answer);
}

// A backend, as good as unique among all servers: a pid alone is another session's soon.
struct BackendId {
  int pid = 0;
  std::int64_t start_us = 0;  // backend_start, in microseconds since the epoch
  friend bool operator==(const BackendId&, const BackendId&) = default;
};

// Used on the sampling loop only, by several coroutines at once where they like: each call waits for its turn.
class Session {
 public:
  virtual ~Session() = default;

  // Several requests that only read, in one round trip; the answers are in their order, and an error of the server is
  // the answer to one and spoils no other. They share a transaction up to an error. Throws DbError when the connection
  // is lost, and TimeoutError, after which it is closed.
  virtual asio::awaitable<std::vector<Answer>> QueryAll(std::vector<Request> requests, Deadline deadline) = 0;

  // One.
  asio::awaitable<Answer> Ask(Statement statement, Parameters parameters, Deadline deadline);
  // One. Throws DbError for the server's error too.
  asio::awaitable<Result> Query(Statement statement, Parameters parameters, Deadline deadline);

  // As PQserverVersion: 150020.
  virtual int server_version() const = 0;
  virtual int backend_pid() const = 0;
  // Whether a connection pooler is in between. Then each call may be answered by another backend, which was there
  // before and serves others afterwards.
  virtual bool pooled() const { return false; }
};

}  // namespace pgtls::db
