#include "exporter/postgres/driver.h"

#include <fmt/format.h>

#include <utility>

#include "exporter/base/error.h"
#include "exporter/postgres/fresh_session.h"
#include "exporter/postgres/own_connection.h"

namespace pgtls::postgres {
namespace {

using sampling::ConnectionKind;
using sampling::OwnBackends;
using sampling::OwnConnection;

class Session : public sampling::ServerSession {
 public:
  // `load_time`: ConfigLoadTime() when the session began.
  Session(std::unique_ptr<db::Connection> connection, OwnConnection own, OwnBackends::Login login,
          std::string load_time)
      : ServerSession(std::move(connection), std::move(own)),
        login_(std::move(login)),
        load_time_(std::move(load_time)) {
    Session::StartPass();
  }

  // The backends that a pooler lends need to agree within one pass only.
  void StartPass() override {
    if (connection().pooled()) load_time_.clear();
  }
  std::unique_ptr<sampling::SessionRun> StartRun(ConnectionKind kind) override;
  bool spent() const override { return spent_; }

 private:
  class PersistentRun;
  class FreshRun;

  // A pooler's backends change from one call to the next.
  void NoteBackend() {
    if (connection().pooled()) login_.Known(connection().backend());
  }

  OwnBackends::Login login_;
  // When the session took the configuration over; through a pooler, when the first backend of this pass did, empty
  // before that.
  std::string load_time_;
  bool spent_ = false;
};

class Session::PersistentRun : public sampling::SessionRun {
 public:
  explicit PersistentRun(Session& session) : session_(session) {}
  db::Session& session() override { return session_.connection(); }
  sampling::RunEnd Finish() override {
    session_.NoteBackend();
    return {};
  }

 private:
  Session& session_;
};

class Session::FreshRun : public sampling::SessionRun {
 public:
  explicit FreshRun(Session& session) : session_(session), fresh_(session.connection(), session.load_time_) {}
  db::Session& session() override { return fresh_; }
  sampling::RunEnd Finish() override {
    session_.NoteBackend();
    const bool pooled = session_.connection().pooled();
    if (pooled) session_.load_time_ = fresh_.load_time();
    // A reload outdates a session for good. Of a pooler's backends the next one may do, unless this one has seen a
    // reload: only the pooler can replace it.
    session_.spent_ = session_.spent_ || (pooled ? fresh_.lent_outdated() : fresh_.outdated());
    sampling::RunEnd end{.outdated = fresh_.outdated()};
    if (fresh_.lent_outdated()) end.hidden = {std::string(sampling::kConfigurationInForce), "pooler"};
    return end;
  }

 private:
  Session& session_;
  FreshSession fresh_;
};

std::unique_ptr<sampling::SessionRun> Session::StartRun(ConnectionKind kind) {
  if (kind == ConnectionKind::kFresh) return std::make_unique<FreshRun>(*this);
  return std::make_unique<PersistentRun>(*this);
}

class Driver : public sampling::Driver {
 public:
  std::string_view kind() const override { return kKind; }
  bool Recognizes(std::string_view /*server_version*/) const override { return true; }
  std::string Product(std::string_view server_version) const override {
    return fmt::format("{} {}", kKind, server_version);
  }

  asio::awaitable<std::unique_ptr<sampling::ServerSession>> StartSession(std::unique_ptr<db::Connection> connection,
                                                                         OwnBackends::Login login, std::string sslmode,
                                                                         Deadline deadline) const override {
    login.Known(connection->backend_pid());
    co_await connection->SetUp(deadline);
    if (connection->pooled()) login.SetLent();
    OwnConnection own = co_await DescribeConnection(*connection, std::move(sslmode), deadline);
    if (connection->pooled()) own.cluster = 0;
    login.Reached({own.cluster, connection->peer().database});
    login.Known(connection->backend());
    std::string load_time = co_await ConfigLoadTime(*connection, deadline);
    co_return std::make_unique<Session>(std::move(connection), std::move(own), std::move(login), std::move(load_time));
  }
};

}  // namespace

const sampling::Driver& PostgresDriver() {
  static const Driver driver;
  return driver;
}

}  // namespace pgtls::postgres
