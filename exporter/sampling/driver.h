// Kinds of server. The scheduler knows sessions, passes and runs. The driver of a kind knows how a session begins, how
// the server describes itself and how fresh a session's view is.
#pragma once

#include <asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "exporter/base/deadline.h"
#include "exporter/db/connection.h"
#include "exporter/sampling/collector.h"
#include "exporter/sampling/own_backends.h"
#include "exporter/sampling/result.h"

namespace pgtls::sampling {

// What a session reports about a run after its end.
struct RunEnd {
  // The server's configuration is no longer the one that the pass began with: the results of fresh collectors in this
  // pass are discarded, and they run again.
  bool outdated = false;
  // Set if this session cannot show what the run asked for, and no other session is available now: the run has no
  // result.
  std::optional<IncompletePart> hidden = {};
};

// One run of a collector on a session, which outlives it.
class SessionRun {
 public:
  virtual ~SessionRun() = default;
  // The session that the collector uses.
  virtual db::Session& session() = 0;
  // Call it once, after the run.
  virtual RunEnd Finish() = 0;
};

// A session that is set up. Used on the sampling loop only.
class ServerSession {
 public:
  ServerSession(std::unique_ptr<db::Connection> connection, OwnConnection own)
      : connection_(std::move(connection)), own_connection_(std::move(own)) {
    own_connection_.address = connection_->peer().address;
  }
  virtual ~ServerSession() = default;

  db::Connection& connection() { return *connection_; }
  const OwnConnection& own_connection() const { return own_connection_; }

  // A pass over the due collectors begins, or begins again.
  virtual void StartPass() {}
  virtual std::unique_ptr<SessionRun> StartRun(ConnectionKind connection) = 0;
  // Whether it no longer shows the configuration in force: the next pass needs another session.
  virtual bool spent() const { return false; }

 private:
  std::unique_ptr<db::Connection> connection_;
  OwnConnection own_connection_;
};

// One kind of server. Has no state; lives as long as the process.
class Driver {
 public:
  virtual ~Driver() = default;

  // "PostgreSQL": for a reader, and as CollectorType::kinds has it.
  virtual std::string_view kind() const = 0;
  // Whether a server that reports this server_version at login is of this kind.
  virtual bool Recognizes(std::string_view server_version) const = 0;
  // "PostgreSQL 15.20 (Debian …)", for a reader.
  virtual std::string Product(std::string_view server_version) const = 0;
  // Makes a session of a connection that has just logged in. `own` is that login, for a kind of which collectors list
  // sessions; `sslmode` is the option in force. Throws Error, and TimeoutError at the deadline.
  virtual asio::awaitable<std::unique_ptr<ServerSession>> StartSession(std::unique_ptr<db::Connection> connection,
                                                                       OwnBackends::Login own, std::string sslmode,
                                                                       Deadline deadline) const = 0;
};

}  // namespace pgtls::sampling
