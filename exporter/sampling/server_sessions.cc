// The logins of a server: which connections it makes, and what each has to be.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "exporter/base/error.h"
#include "exporter/base/log.h"
#include "exporter/db/keywords.h"
#include "exporter/sampling/server.h"

namespace pgtls::sampling {

using std::chrono::steady_clock;

namespace {

[[noreturn]] void ThrowConfigurationChanged() { throw Error(FailureReason::kConnection, "the configuration changed"); }

}  // namespace

asio::awaitable<void> Server::RequireFewLeftBehind() {
  // A healthy server ends a session in milliseconds.
  constexpr std::chrono::milliseconds kPause{50};
  const Deadline limit = After(std::min<std::chrono::milliseconds>(SessionTimeout(), std::chrono::seconds(2)));
  session_lane_.heartbeat.Expect(limit);
  while (closing_->CloseEnded() >= kMostLeftBehind) {
    if (After(kPause) > limit) {
      const std::string text =
          fmt::format("the server has not ended the last {} connections, which are closed: the next one waits for that",
                      kMostLeftBehind);
      // Once: the reason is that of the failures before, which the log has.
      const bool logged = connection_failure_ && connection_failure_->message == text;
      if (!logged) log::Warn("a server does not answer", {{"server", config_->name}, {"error", text}});
      throw TimeoutError(text);
    }
    asio::steady_timer pause(co_await asio::this_coro::executor, kPause);
    co_await pause.async_wait(asio::use_awaitable);
  }
}

void Server::RequirePlace(std::uint64_t place) const {
  if (place != place_) ThrowConfigurationChanged();
}

asio::awaitable<std::unique_ptr<ServerSession>> Server::OpenDatabase(std::string database, std::uint64_t place,
                                                                     Deadline deadline) {
  RequirePlace(place);
  co_await RequireFewLeftBehind();
  RequirePlace(place);
  session_lane_.heartbeat.Expect(deadline);
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - steady_clock::now());
  if (left <= std::chrono::milliseconds(0)) throw TimeoutError("no time is left for another database");
  OwnBackends::Login login = StartLogin(database);
  auto connect = runtime_.connector.Connect(OptionsFor(std::move(database)), left, left);
  auto connection = co_await std::move(connect);
  RequirePlace(place);
  if (const auto& local = connection->local()) login.Known(*local);
  if (peer_ && !peer_->IsAt(connection->peer())) {
    throw Error(FailureReason::kConnection, "another one of the conninfo's hosts answered");
  }
  auto start = driver_->StartSession(std::move(connection), std::move(login), target_->option("sslmode"), deadline);
  co_return co_await std::move(start);
}

// No wait for those that are left behind: a process that hangs must not take the others' time.
asio::awaitable<std::shared_ptr<ServerSession>> Server::ProcessSession(std::string process, std::uint64_t place,
                                                                       Deadline deadline) {
  RequirePlace(place);
  const auto config = config_;
  if (std::ranges::find(config->processes, process) == config->processes.end()) ThrowConfigurationChanged();
  Process& known = processes_[process];
  if (known.session && known.session->connection().usable()) co_return known.session;
  known.session.reset();
  const auto closing = known.closing;
  if (closing->CloseEnded() >= kMostLeftBehind) {
    throw TimeoutError(fmt::format("it has not ended the last {} connections, which are closed", kMostLeftBehind));
  }
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - steady_clock::now());
  if (left <= std::chrono::milliseconds(0)) throw TimeoutError("no time is left for another process");
  OwnBackends::Login login = StartLogin("");
  db::ConnectOptions options = OptionsFor("");
  options.conninfo = db::Overlay(config->conninfo, process);
  options.closing = closing;
  auto connect = runtime_.connector.Connect(std::move(options), left, left);
  auto connection = co_await std::move(connect);
  RequirePlace(place);
  if (const auto& local = connection->local()) login.Known(*local);
  if (&DriverOf(*connection) != driver_) {
    throw Error(FailureReason::kError, fmt::format("what answers is no {}", driver_->kind()));
  }
  auto start = driver_->StartSession(std::move(connection), std::move(login), target_->option("sslmode"), deadline);
  std::shared_ptr<ServerSession> session = co_await std::move(start);
  RequirePlace(place);
  const auto kept = processes_.find(process);
  if (kept == processes_.end()) ThrowConfigurationChanged();
  kept->second.session = session;
  co_return session;
}

OwnBackends::Login Server::StartLogin(std::string database) const {
  const std::string& user = target_->option("user");
  return {*runtime_.own_backends, user, {cluster_, database.empty() ? user : std::move(database)}};
}

db::ConnectOptions Server::OptionsFor(std::string database) const {
  return {.conninfo = config_->conninfo,
          .password_file = config_->password_file,
          .closing = closing_,
          .database = std::move(database),
          .on_socket = [own = runtime_.own_backends](const db::SocketAddress& local) { own->Connected(local); }};
}

asio::awaitable<std::unique_ptr<db::Connection>> Server::Connect() {
  const auto place = place_;
  // The first connects of a fleet wait for a permit without limit. Later, no permit in time is a failure, so that old
  // results do not pass for current ones.
  const auto patience = up_ ? std::optional(SessionTimeout()) : std::nullopt;
  session_lane_.heartbeat.Expect(patience ? After(*patience + SessionTimeout()) : Deadline::max());
  auto connect = runtime_.connector.Connect(OptionsFor(""), SessionTimeout(), patience);
  auto connection = co_await std::move(connect);
  RequirePlace(place);
  co_return connection;
}

const Driver& Server::DriverOf(const db::Connection& connection) const {
  const auto found = std::ranges::find_if(
      runtime_.drivers, [&](const Driver* driver) { return driver->Recognizes(connection.version_text()); });
  if (found == runtime_.drivers.end()) throw Error(FailureReason::kError, "no driver for this kind of server");
  return **found;
}

}  // namespace pgtls::sampling
