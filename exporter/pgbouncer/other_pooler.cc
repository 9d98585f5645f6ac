#include "exporter/pgbouncer/other_pooler.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <utility>

#include "exporter/base/text.h"

namespace pgtls::pgbouncer {
namespace {

using sampling::OwnConnection;

class Run : public sampling::SessionRun {
 public:
  explicit Run(db::Session& session) : session_(session) {}
  db::Session& session() override { return session_; }
  sampling::RunEnd Finish() override { return {}; }

 private:
  db::Session& session_;
};

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
  std::string_view kind() const override { return kOtherPooler; }
  bool Recognizes(std::string_view server_version) const override {
    constexpr std::array<std::string_view, 3> kNames = {"odyssey", "pgcat", "pgdog"};
    const std::string text = Lower(server_version);
    if (std::ranges::any_of(kNames, [&](std::string_view name) { return text.contains(name); })) return true;
    // No PostgreSQL that a client of today can log in to is that old.
    constexpr int kFirstPostgres = 8;
    int major = kFirstPostgres;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), major);
    return error == std::errc() && end != text.data() + text.size() && *end == '.' && major < kFirstPostgres;
  }
  std::string Product(std::string_view server_version) const override {
    return fmt::format("pooler {}", Printable(server_version, 60));
  }

  asio::awaitable<std::unique_ptr<sampling::ServerSession>> StartSession(std::unique_ptr<db::Connection> connection,
                                                                         sampling::OwnBackends::Login login,
                                                                         std::string sslmode,
                                                                         Deadline /*nothing is asked*/) const override {
    login.HasNoBackend();
    connection->UseSimpleProtocol();
    const auto tls = connection->tls();
    OwnConnection own = {std::move(sslmode), tls ? "tls" : "none", tls ? tls->version : "", tls ? tls->cipher : ""};
    co_return std::make_unique<Session>(std::move(connection), std::move(own), std::move(login));
  }
};

}  // namespace

const sampling::Driver& OtherPoolerDriver() {
  static const Driver driver;
  return driver;
}

}  // namespace pgtls::pgbouncer
