// A session over libpq's asynchronous interface: in pipeline mode, or in the simple protocol for servers that know
// nothing else.
#pragma once

#include <asio.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "exporter/base/semaphore.h"
#include "exporter/db/closing_sockets.h"
#include "exporter/db/pq_handle.h"
#include "exporter/db/session.h"
#include "exporter/db/target.h"

namespace pgtls::db {

class Connection : public Session {
 public:
  // REQUIRES: `conn` is established. At the end it is given to `closing`; if that is null, it is closed at once.
  Connection(const asio::any_io_executor& executor, ConnHandle conn, std::shared_ptr<ClosingSockets> closing = nullptr);
  ~Connection() override;

  // Detects a pooler (its backend has another pid than the login reported). All later queries run under the settings of
  // the exporter's sessions, and the server ends each at its deadline. Through a pooler nothing is prepared, and
  // settings last for one transaction, because the next one may be another client's. Throws like QueryAll().
  asio::awaitable<void> SetUp(Deadline deadline);

  // From now on each request is a simple query in a round trip of its own: for PgBouncer's console, which refuses the
  // extended protocol. Requests then have no parameters and one statement each. REQUIRES: no query yet.
  void UseSimpleProtocol();

  asio::awaitable<std::vector<Answer>> QueryAll(std::vector<Request> requests, Deadline deadline) override;
  // This session for a second user, whose calls occupy it for at most `longest` each: the first user only has to wait
  // longer than that to get its round trip. The connection must outlive it.
  std::unique_ptr<Session> Lend(std::chrono::nanoseconds longest);
  int server_version() const override { return server_version_; }
  // As the server reports it at login: "15.20 (Debian …)", "1.26.1/bouncer".
  const std::string& version_text() const { return version_text_; }
  int backend_pid() const override { return backend_.pid; }
  bool pooled() const override { return pooled_; }
  // The backend that answered last; without a start time before the first query after SetUp().
  const BackendId& backend() const { return backend_; }

  // False if the connection was lost, after a query that left the protocol in an unknown state, or after an error that
  // may concern only this session.
  bool usable() const { return conn_ != nullptr; }
  // Whether the last query reached its deadline and nothing was received from the server since it was sent.
  bool silent() const { return silent_; }
  const Peer& peer() const { return peer_; }
  // This end of it; absent over a Unix socket.
  const std::optional<SocketAddress>& local() const { return local_; }
  // Absent where the connection is without TLS. REQUIRES: usable().
  std::optional<NegotiatedTls> tls() const;

 private:
  struct Preamble {
    std::vector<Request> requests;
    std::optional<std::chrono::milliseconds> statement_timeout;  // the one that they set
    bool names_backend = false;                                  // whether the last answer is for ReadBackend()
  };
  using Sent = std::vector<const Request*>;
  class Lent;

  // `longest`: how long it may occupy the connection, from its own start on.
  asio::awaitable<std::vector<Answer>> QueryAll(std::vector<Request> requests, Deadline deadline,
                                                std::chrono::nanoseconds longest);
  asio::awaitable<std::vector<Answer>> RunSimple(const std::vector<Request>& requests);
  asio::awaitable<std::vector<Answer>> Run(const std::vector<Request>& requests, Deadline deadline);
  // Requests for the settings of the queries that follow in the same transaction.
  Preamble NextPreamble(Deadline deadline) const;
  void TakePreamble(Preamble& preamble, std::vector<Answer>& answers);
  // Sends the requests and a Sync. Returns for each whether it was sent with its preparation.
  std::vector<bool> Send(const Sent& requests);
  bool IsPrepared(const Statement& statement) const;
  asio::awaitable<void> Flush();
  // Returns the answers up to the first error: the server skips the requests after it.
  asio::awaitable<std::vector<Answer>> Receive(const Sent& requests, std::vector<bool> prepares);
  // Returns the answer to one message (a preparation or an execution). nullopt: the server skipped it.
  asio::awaitable<std::optional<Answer>> ReceiveOne();
  asio::awaitable<ResultHandle> Next();
  void ReadInput();
  void Close();
  [[noreturn]] void ThrowLost();

  ConnHandle conn_;
  std::shared_ptr<ClosingSockets> closing_;
  asio::posix::stream_descriptor socket_;
  Semaphore round_trip_{1};            // one round trip at a time: two lanes share a connection
  std::vector<std::string> prepared_;  // a dozen names
  int server_version_;
  std::string version_text_;
  BackendId backend_;
  Peer peer_;
  std::optional<SocketAddress> local_;
  bool simple_ = false;
  bool set_up_ = false;
  bool pooled_ = false;
  std::optional<std::chrono::milliseconds> statement_timeout_;  // in force in the session
  Deadline last_heard_ = Deadline::min();
  bool silent_ = false;
};

}  // namespace pgtls::db
