// A session over libpq's asynchronous interface, in pipeline mode.
#pragma once

#include <asio.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "exporter/base/slots.h"
#include "exporter/db/closing_sockets.h"
#include "exporter/db/pq_handle.h"
#include "exporter/db/session.h"
#include "exporter/db/target.h"

namespace pgtls::db {

class Connection : public Session {
 public:
  // Takes a connection that is established. Its end is left to `closing`; null: nobody waits for the server to end it.
  Connection(const asio::any_io_executor& executor, ConnHandle conn, std::shared_ptr<ClosingSockets> closing = nullptr);
  ~Connection() override;

  // Learns whether a pooler is in between (its backend has another pid than the login said), and has all queries from
  // now on run under the settings of the exporter's sessions, each bounded on the server by its deadline. Through a
  // pooler nothing is prepared, and settings end with each transaction: the next may be another client's.
  // Throws as QueryAll().
  asio::awaitable<void> SetUp(Deadline deadline);

  asio::awaitable<std::vector<Answer>> QueryAll(std::vector<Request> requests, Deadline deadline) override;
  int server_version() const override { return server_version_; }
  int backend_pid() const override { return backend_.pid; }
  bool pooled() const override { return pooled_; }
  // That answered last; without a start before the first query after SetUp().
  const BackendId& backend() const { return backend_; }

  // False after a query that left the protocol in an unknown state, an error that may be this session's own, or when
  // the connection was lost: it is of no more use.
  bool usable() const { return conn_ != nullptr; }
  // The last query came to its deadline with nothing received from the server since it was asked.
  bool silent() const { return silent_; }
  const Peer& peer() const { return peer_; }

 private:
  struct Preamble {
    std::vector<Request> requests;
    std::optional<std::chrono::milliseconds> statement_timeout;  // that they set
    bool names_backend = false;                                  // the last answer does
  };
  using Sent = std::vector<const Request*>;

  asio::awaitable<std::vector<Answer>> Run(const std::vector<Request>& requests, Deadline deadline);
  // What has to be set for the queries that follow in the same transaction.
  Preamble NextPreamble(Deadline deadline) const;
  void TakePreamble(Preamble& preamble, std::vector<Answer>& answers);
  // Whether each was sent with its preparation; behind the last is a Sync.
  std::vector<bool> Send(const Sent& requests);
  bool IsPrepared(const Statement& statement) const;
  asio::awaitable<void> Flush();
  // The answers up to the first error: the server skips what follows it.
  asio::awaitable<std::vector<Answer>> Receive(const Sent& requests, std::vector<bool> prepares);
  // What the server says to one message: of a preparation, of an execution. nullopt: it was skipped.
  asio::awaitable<std::optional<Answer>> ReceiveOne();
  asio::awaitable<ResultHandle> Next();
  void ReadInput();
  void Close();
  [[noreturn]] void ThrowLost();

  ConnHandle conn_;
  std::shared_ptr<ClosingSockets> closing_;
  asio::posix::stream_descriptor socket_;
  Slots turn_{1};                      // of a round trip: two lanes share a connection
  std::vector<std::string> prepared_;  // a dozen names
  int server_version_;
  BackendId backend_;
  Peer peer_;
  bool set_up_ = false;
  bool pooled_ = false;
  std::optional<std::chrono::milliseconds> statement_timeout_;  // in force in the session
  Deadline last_heard_ = Deadline::min();
  bool silent_ = false;
};

}  // namespace pgtls::db
