#include "exporter/pgbouncer/driver.h"

#include <fmt/format.h>

#include <utility>

namespace pgtls::pgbouncer {
namespace {

using sampling::OwnConnection;

// What the console reports as server_version: "1.26.1/bouncer".
constexpr std::string_view kSuffix = "/bouncer";

OwnConnection Describe(const db::Connection& connection, std::string sslmode) {
  const auto tls = connection.tls();
  if (!tls) return {std::move(sslmode), "none", "", ""};
  return {std::move(sslmode), "tls", tls->version, tls->cipher};
}

class Run : public sampling::SessionRun {
 public:
  explicit Run(db::Session& session) : session_(session) {}
  db::Session& session() override { return session_; }
  sampling::RunEnd Finish() override { return {}; }

 private:
  db::Session& session_;
};

// The console shows what the configuration file said at the last reload: no session of it is outdated.
class Session : public sampling::ServerSession {
 public:
  Session(std::unique_ptr<db::Connection> connection, OwnConnection own, sampling::OwnBackends::Login login)
      : ServerSession(std::move(connection), std::move(own)), login_(std::move(login)) {}
  std::unique_ptr<sampling::SessionRun> StartRun(sampling::ConnectionKind /*kind*/) override {
    return std::make_unique<Run>(connection());
  }

 private:
  sampling::OwnBackends::Login login_;
};

class Driver : public sampling::Driver {
 public:
  std::string_view kind() const override { return kKind; }
  bool Recognizes(std::string_view server_version) const override { return server_version.ends_with(kSuffix); }
  std::string Product(std::string_view server_version) const override {
    return fmt::format("{} {}", kKind, server_version.substr(0, server_version.size() - kSuffix.size()));
  }

  asio::awaitable<std::unique_ptr<sampling::ServerSession>> StartSession(std::unique_ptr<db::Connection> connection,
                                                                         sampling::OwnBackends::Login login,
                                                                         std::string sslmode,
                                                                         Deadline deadline) const override {
    login.HasNoBackend();
    connection->UseSimpleProtocol();
    // Whether it answers at all.
    co_await connection->Query({"pgbouncer_version", "SHOW VERSION"}, {}, deadline);
    OwnConnection own = Describe(*connection, std::move(sslmode));
    co_return std::make_unique<Session>(std::move(connection), std::move(own), std::move(login));
  }
};

}  // namespace

const sampling::Driver& PgBouncerDriver() {
  static const Driver driver;
  return driver;
}

}  // namespace pgtls::pgbouncer
