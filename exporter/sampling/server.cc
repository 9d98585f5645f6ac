#include "exporter/sampling/server.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "exporter/base/error.h"
#include "exporter/base/log.h"
#include "exporter/sampling/health.h"
#include "exporter/sampling/own_connection.h"

namespace pgtls::sampling {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

bool NeedsSql(const CollectorType& type) { return type.connection != ConnectionKind::kNone; }

// Spread, so that a fleet that started together does not collect together for ever.
milliseconds Spread(milliseconds duration, double least) {
  static thread_local std::minstd_rand random{std::random_device{}()};
  return milliseconds(static_cast<std::int64_t>(static_cast<double>(duration.count()) *
                                                std::uniform_real_distribution<double>(least, 1.0)(random)));
}

// This coroutine was cancelled (Stop(), or a probe whose time is over): no failure of the server's, and to be passed
// on.
bool IsCancellation(const std::exception& error) {
  const auto* system = dynamic_cast<const std::system_error*>(&error);
  return system != nullptr && system->code() == asio::error::operation_aborted;
}

Failure AsFailure(const std::exception& error) {
  const auto* known = dynamic_cast<const Error*>(&error);
  return {known != nullptr ? known->reason() : FailureReason::kError, error.what()};
}

// A backend of the exporter, known by its pid while this lives.
class Owned {
 public:
  Owned(OwnBackends& backends, int pid) : backends_(backends), pid_(pid) { backends_.Add(pid_); }
  ~Owned() { backends_.Remove(pid_); }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;

 private:
  OwnBackends& backends_;
  int pid_;
};

}  // namespace

Server::Server(std::shared_ptr<const config::ServerConfig> config, Runtime& runtime)
    : runtime_(runtime),
      target_(db::ResolveTarget(config->conninfo)),
      session_lane_(runtime.loop),
      wire_lane_(runtime.loop) {
  for (const CollectorType* type : runtime.collectors) {
    Slot& slot = slots_.emplace_back();
    slot.type = type;
    slot.collector = type->make();
    slot.state.name = type->name;
  }
  Configure(std::move(config));
}

void Server::Configure(std::shared_ptr<const config::ServerConfig> config) {
  config_ = std::move(config);
  for (Slot& slot : slots_) {
    const config::CollectorConfig& settings = config_->collector(slot.type->name);
    if (settings.interval != slot.state.interval || settings.enabled != slot.enabled) slot.due = Deadline::min();
    slot.enabled = settings.enabled;
    slot.state.interval = settings.interval;
    if (!slot.enabled) slot.state.result = nullptr;
  }
  Publish();
}

void Server::Reconfigure(std::shared_ptr<const config::ServerConfig> config, db::Target target) {
  const bool elsewhere = config->conninfo != config_->conninfo || config->password_file != config_->password_file ||
                         config->endpoint != config_->endpoint || target.options != target_.options;
  if (elsewhere) {
    ++place_;
    target_ = std::move(target);
    Disconnect();
    peer_.reset();
    up_.reset();
    connection_failure_.reset();
    failures_in_a_row_ = 0;
    for (Slot& slot : slots_) {
      slot.state.result = nullptr;
      slot.due = Deadline::min();
    }
  }
  Configure(std::move(config));
  session_lane_.wake.cancel();
  wire_lane_.wake.cancel();
}

void Server::Start() {
  for (const LaneKind kind : {LaneKind::kSession, LaneKind::kWire}) {
    Lane& lane = kind == LaneKind::kSession ? session_lane_ : wire_lane_;
    auto run = [](std::shared_ptr<Server> self, LaneKind which) -> asio::awaitable<void> {
      co_await self->RunLane(which);
    };
    asio::co_spawn(runtime_.loop, run(shared_from_this(), kind),
                   asio::bind_cancellation_slot(lane.stop.slot(), [name = config_->name](std::exception_ptr error) {
                     try {
                       if (error) std::rethrow_exception(error);
                     } catch (const std::exception& e) {
                       if (!IsCancellation(e)) log::Error("a lane ended", {{"server", name}, {"error", e.what()}});
                     }
                   }));
  }
}

void Server::Stop() {
  stopped_ = true;
  session_lane_.stop.emit(asio::cancellation_type::terminal);
  wire_lane_.stop.emit(asio::cancellation_type::terminal);
}

bool Server::IsDue(const Slot& slot, LaneKind kind, bool once) const {
  if (!slot.enabled || NeedsSql(*slot.type) != (kind == LaneKind::kSession)) return false;
  return once || slot.due <= steady_clock::now();
}

Deadline Server::NextDue(LaneKind kind) const {
  // The wire lane waits for the first try of SQL: it goes to the address that SQL is using.
  const bool sql_first =
      kind == LaneKind::kWire && !up_ &&
      std::any_of(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.enabled && NeedsSql(*slot.type); });
  Deadline next = Deadline::max();
  for (const Slot& slot : slots_) {
    if (!sql_first && slot.enabled && NeedsSql(*slot.type) == (kind == LaneKind::kSession))
      next = std::min(next, slot.due);
  }
  return next;
}

asio::awaitable<void> Server::RunLane(LaneKind kind) {
  Lane& lane = kind == LaneKind::kSession ? session_lane_ : wire_lane_;
  while (!stopped_) {
    lane.wake.expires_at(NextDue(kind));
    co_await lane.wake.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
    if (stopped_) break;
    if (NextDue(kind) > steady_clock::now()) continue;
    if (kind == LaneKind::kSession) {
      co_await RunDueOnSession(false);
    } else {
      co_await RunDueOnWire(false);
    }
  }
}

asio::awaitable<void> Server::RunOnce() {
  co_await RunDueOnSession(true);
  co_await RunDueOnWire(true);
}

void Server::FailUnfinished(const Failure& failure) {
  for (Slot& slot : slots_) {
    if (!slot.enabled || slot.state.result) continue;
    if (NeedsSql(*slot.type) && !up_) up_ = false;
    auto result = std::make_shared<CollectorResult>();
    result->failure = failure;
    Store(slot, std::move(result));
  }
}

asio::awaitable<void> Server::RunDueOnSession(bool once) {
  const bool any = std::any_of(slots_.begin(), slots_.end(),
                               [&](const Slot& slot) { return IsDue(slot, LaneKind::kSession, once); });
  if (!any) co_return;
  const auto place = place_;
  const bool reused = connection_ != nullptr;
  std::optional<Failure> failure = co_await EnsureConnected();
  if (!failure) failure = co_await RunPersistent(once);
  if (failure && reused && failure->reason == FailureReason::kConnection) {
    // The server was restarted between two collections: that is no failure, if it answers on a new connection.
    failure = co_await EnsureConnected();
    if (!failure) failure = co_await RunPersistent(once);
  }
  // A failure of the place before says nothing about this one.
  if (place != place_) co_return;
  if (failure) {
    FailAllOnSession(*failure);
    co_return;
  }
  failures_in_a_row_ = 0;
  if (connection_failure_) {
    connection_failure_.reset();
    Publish();
  }
  // A connection that was just made is as fresh as another.
  failure = co_await RunFresh(once, reused ? nullptr : connection_);
  const bool only_fresh = std::none_of(slots_.begin(), slots_.end(), [](const Slot& slot) {
    return slot.enabled && slot.type->connection == ConnectionKind::kPersistent;
  });
  // Where nothing else uses SQL, a connection that cannot be made is the only sign that the server is gone.
  if (failure && only_fresh && place == place_) {
    Disconnect();
    FailAllOnSession(*failure);
  }
}

asio::awaitable<std::optional<Failure>> Server::RunPersistent(bool once) {
  for (Slot& slot : slots_) {
    if (slot.type->connection != ConnectionKind::kPersistent || !IsDue(slot, LaneKind::kSession, once)) continue;
    const std::shared_ptr<db::Connection> connection = connection_;
    if (!connection) co_return std::nullopt;  // Reconfigure() dropped it; the next turn makes another
    auto result = co_await RunSlot(slot, connection, once);
    if (!result || connection != connection_) continue;
    if (!connection->usable()) {
      Disconnect();
      co_return result->failure.value_or(Failure{FailureReason::kConnection, "the connection was lost"});
    }
    up_ = true;
    Store(slot, std::move(result));
  }
  co_return std::nullopt;
}

asio::awaitable<std::optional<Failure>> Server::RunFresh(bool once, std::shared_ptr<db::Connection> fresh) {
  const auto place = place_;
  std::optional<Owned> owned;
  std::optional<Failure> failure;
  for (Slot& slot : slots_) {
    if (slot.type->connection != ConnectionKind::kFresh || !IsDue(slot, LaneKind::kSession, once)) continue;
    std::shared_ptr<const CollectorResult> result;
    try {
      if (!fresh || !fresh->usable()) {
        owned.reset();
        fresh = co_await Connect();
        owned.emplace(own_backends_, fresh->backend_pid());
        co_await SetUpSession(*fresh, SessionTimeout(), After(SessionTimeout()));
      }
      result = co_await RunSlot(slot, fresh, once);
    } catch (const std::exception& error) {
      if (IsCancellation(error)) throw;
      failure = AsFailure(error);
      auto failed = std::make_shared<CollectorResult>();
      failed->failure = failure;
      result = std::move(failed);
    }
    if (place != place_) co_return std::nullopt;
    if (result) Store(slot, std::move(result));
  }
  co_return failure;
}

asio::awaitable<void> Server::RunDueOnWire(bool once) {
  for (Slot& slot : slots_) {
    if (!IsDue(slot, LaneKind::kWire, once)) continue;
    auto result = co_await RunSlot(slot, nullptr, once);
    if (result) Store(slot, std::move(result));
  }
}

asio::awaitable<std::shared_ptr<const CollectorResult>> Server::RunSlot(Slot& slot,
                                                                        std::shared_ptr<db::Connection> session,
                                                                        bool once) {
  // Held for the whole run: a reload may put others in their place meanwhile.
  const auto config = config_;
  const auto place = place_;
  const db::Target target = target_;
  const Facts facts = Snapshot().facts();
  const config::CollectorConfig& settings = config->collector(slot.type->name);
  const auto started = steady_clock::now();
  auto result = std::make_shared<CollectorResult>();
  Output output(config->name);
  Context context{*config,           settings, target,        peer_,
                  session.get(),     facts,    own_backends_, started + settings.timeout,
                  runtime_.blocking, once};
  try {
    auto work = slot.collector->Collect(context, output);
    co_await Within(context.deadline, std::string(slot.type->name), std::move(work));
    result->families = output.sink.Render();
    result->facts = std::move(output.facts);
    result->incomplete = std::move(output.incomplete);
    result->unsupported = output.unsupported;
  } catch (const std::exception& error) {
    if (IsCancellation(error)) throw;
    result->failure = AsFailure(error);
  }
  result->duration = steady_clock::now() - started;
  const bool outdated = place != place_ || !config_->collector(slot.type->name).enabled;
  co_return outdated ? nullptr : result;
}

asio::awaitable<std::optional<Failure>> Server::EnsureConnected() {
  if (connection_) co_return std::nullopt;
  try {
    const auto place = place_;
    const std::shared_ptr<db::Connection> connection = co_await Connect();
    const Owned owned(own_backends_, connection->backend_pid());
    const Deadline deadline = After(SessionTimeout());
    co_await SetUpSession(*connection, SessionTimeout(), deadline);
    OwnConnection own = co_await DescribeConnection(*connection, target_.option("sslmode"), deadline);
    if (place != place_) throw Error(FailureReason::kConnection, "the configuration changed");
    own_backends_.Add(connection->backend_pid());
    connection_ = connection;
    own_connection_ = std::move(own);
  } catch (const std::exception& error) {
    if (IsCancellation(error)) throw;
    co_return AsFailure(error);
  }
  up_ = true;
  peer_ = connection_->peer();
  const OwnConnection& own = *own_connection_;
  log::Info("connected", {{"server", config_->name},
                          {"encryption", own.encryption},
                          {"version", own.version},
                          {"cipher", own.cipher},
                          {"sslmode", own.sslmode},
                          {"ssl_is_used", own.ssl_is_used ? (*own.ssl_is_used ? "true" : "false") : "unknown"},
                          {"backend_pid", std::to_string(connection_->backend_pid())}});
  if (own.ssl_is_used && *own.ssl_is_used != (own.encryption == "tls")) {
    log::Warn("pg_stat_ssl and ssl_is_used() disagree about the exporter's own connection",
              {{"server", config_->name}});
  }
  wire_lane_.wake.cancel();
  co_return std::nullopt;
}

asio::awaitable<std::shared_ptr<db::Connection>> Server::Connect() {
  const auto place = place_;
  db::ConnectOptions options{config_->conninfo, config_->password_file};
  auto connect = runtime_.connector.Connect(std::move(options), SessionTimeout());
  auto connection = co_await std::move(connect);
  if (place != place_) throw Error(FailureReason::kConnection, "the configuration changed");
  co_return connection;
}

void Server::Disconnect() {
  if (connection_) own_backends_.Remove(connection_->backend_pid());
  connection_.reset();
  own_connection_.reset();
}

milliseconds Server::SessionTimeout() const {
  milliseconds longest{1};
  for (const Slot& slot : slots_) {
    if (slot.enabled && NeedsSql(*slot.type)) longest = std::max(longest, config_->collector(slot.type->name).timeout);
  }
  return longest;
}

void Server::FailAllOnSession(const Failure& failure) {
  ++failures_in_a_row_;
  milliseconds shortest = milliseconds::max();
  for (const Slot& slot : slots_) {
    if (slot.enabled && NeedsSql(*slot.type)) shortest = std::min(shortest, slot.state.interval);
  }
  const milliseconds backoff =
      Spread(std::min(shortest, milliseconds(500) * (1 << std::min(failures_in_a_row_, 10))), 0.5);
  LogChange("all", connection_failure_, failure);
  up_ = false;
  connection_failure_ = failure;
  for (Slot& slot : slots_) {
    if (!slot.enabled || !NeedsSql(*slot.type)) continue;
    auto result = std::make_shared<CollectorResult>();
    result->failure = failure;
    slot.state.result = std::move(result);
    slot.due = After(backoff);
  }
  Publish();
  wire_lane_.wake.cancel();
}

void Server::Store(Slot& slot, std::shared_ptr<const CollectorResult> result) {
  const bool first = slot.state.result == nullptr;
  const std::optional<Failure> before = first ? std::nullopt : slot.state.result->failure;
  if (up_.value_or(true)) LogChange(slot.state.name, before, result->failure);
  if (!result->failure) slot.state.last_success = std::chrono::system_clock::now();
  slot.state.result = std::move(result);
  // The second run comes early by chance, the others at their interval: what began together drifts apart.
  slot.due = After(first ? Spread(slot.state.interval, 0.5) : slot.state.interval);
  Publish();
}

void Server::LogChange(const std::string& collector, const std::optional<Failure>& before,
                       const std::optional<Failure>& now) {
  if (now && (!before || before->reason != now->reason)) {
    log::Warn("collection failed", {{"server", config_->name},
                                    {"collector", collector},
                                    {"reason", ToString(now->reason)},
                                    {"error", now->message}});
  } else if (before && !now) {
    log::Info("collection recovered", {{"server", config_->name}, {"collector", collector}});
  }
}

void Server::Publish() {
  ServerSnapshot snapshot;
  snapshot.name = config_->name;
  snapshot.up = up_;
  snapshot.connection_failure = connection_failure_;
  snapshot.connection = own_connection_;
  for (const Slot& slot : slots_) {
    if (slot.enabled) snapshot.collectors.push_back(slot.state);
  }
  snapshot.health = std::make_shared<const std::vector<metrics::RenderedFamily>>(RenderHealth(snapshot));
  const std::lock_guard lock(mutex_);
  published_ = std::move(snapshot);
}

ServerSnapshot Server::Snapshot() const {
  const std::lock_guard lock(mutex_);
  return published_;
}

}  // namespace pgtls::sampling
