// A session over libpq's asynchronous interface, in pipeline mode.
#pragma once

#include <asio.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "exporter/base/slots.h"
#include "exporter/db/pq_handle.h"
#include "exporter/db/session.h"
#include "exporter/db/target.h"

namespace pgtls::db {

class Connection : public Session {
 public:
  // Takes a connection that is established.
  Connection(const asio::any_io_executor& executor, ConnHandle conn);
  ~Connection() override;

  asio::awaitable<std::vector<Answer>> QueryAll(std::vector<Request> requests, Deadline deadline) override;
  int server_version() const override { return server_version_; }
  int backend_pid() const override { return backend_pid_; }

  // False after a query that left the protocol in an unknown state, or lost the connection: of no more use.
  bool usable() const { return conn_ != nullptr; }
  const Peer& peer() const { return peer_; }

 private:
  asio::awaitable<std::vector<Answer>> Run(const std::vector<Request>& requests);
  // Whether each was sent with its preparation; behind the last is a Sync.
  std::vector<bool> Send(std::span<const Request> requests);
  asio::awaitable<void> Flush();
  // Appends the answers up to the first error: the server skips what follows it.
  asio::awaitable<void> Receive(std::span<const Request> requests, std::vector<bool> prepares,
                                std::vector<Answer>& answers);
  // What the server says to one message: of a preparation, of an execution. nullopt: it was skipped.
  asio::awaitable<std::optional<Answer>> ReceiveOne();
  asio::awaitable<ResultHandle> Next();
  void Close();
  [[noreturn]] void ThrowLost();

  ConnHandle conn_;
  asio::posix::stream_descriptor socket_;
  Slots turn_{1};                      // of a round trip: two lanes share a connection
  std::vector<std::string> prepared_;  // a dozen names
  int server_version_;
  int backend_pid_;
  Peer peer_;
};

}  // namespace pgtls::db
