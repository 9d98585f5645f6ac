// A session over libpq's asynchronous interface.
#pragma once

#include <asio.hpp>
#include <memory>
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

  asio::awaitable<Result> Query(const Statement& statement, Parameters parameters, Deadline deadline) override;
  int server_version() const override { return server_version_; }
  int backend_pid() const override { return backend_pid_; }

  // False after a query that left the protocol in an unknown state, or lost the connection: of no more use.
  bool usable() const { return conn_ != nullptr; }
  const Peer& peer() const { return peer_; }

 private:
  asio::awaitable<Result> Run(const Statement& statement, const Parameters& parameters);
  asio::awaitable<ResultHandle> Await();
  void Close();
  [[noreturn]] void ThrowLost();

  ConnHandle conn_;
  asio::posix::stream_descriptor socket_;
  Slots turn_{1};                      // of a query: two lanes share a connection
  std::vector<std::string> prepared_;  // a dozen names
  int server_version_;
  int backend_pid_;
  Peer peer_;
};

}  // namespace pgtls::db
