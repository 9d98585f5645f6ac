// How a server's collectors run: the connection they need, what its loss means, and when it must be made anew.
#include <map>
#include <utility>

#include "exporter/base/error.h"
#include "exporter/base/log.h"
#include "exporter/sampling/fresh_session.h"
#include "exporter/sampling/own_connection.h"
#include "exporter/sampling/server.h"

namespace pgtls::sampling {
namespace {

using std::chrono::steady_clock;

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

// A collector that took too long costs the session, and none of the others its results: whether the server is gone
// shows when the next one connects.
bool TimedOut(const CollectorResult& result) {
  return result.failure && result.failure->reason == FailureReason::kTimeout;
}

Failure LossIn(const CollectorResult& result) {
  return result.failure.value_or(Failure{FailureReason::kConnection, "the connection was lost"});
}

}  // namespace

asio::awaitable<void> Server::RunDueOnSession(bool once) {
  const bool any = std::any_of(slots_.begin(), slots_.end(),
                               [&](const Slot& slot) { return IsDue(slot, LaneKind::kSession, once); });
  if (!any) co_return;
  const auto place = place_;
  std::optional<Failure> failure;
  bool reused = true;
  while (reused) {
    reused = connection_ != nullptr;
    failure = co_await RunDueSlots(once);
    // The server was restarted between two collections: that is no failure, if it answers on a new connection.
    if (!failure || failure->reason != FailureReason::kConnection || place != place_) break;
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
}

asio::awaitable<std::optional<Failure>> Server::RunDueSlots(bool once) {
  constexpr int kMostReloads = 3;
  int reloads = 0;
  // What fresh collectors found tells of one configuration: it is held back until all of them ran on one connection.
  std::map<Slot*, std::shared_ptr<const CollectorResult>> held;
  std::optional<Admission::Permit> permit;
  for (;;) {
    std::set<const Slot*> done;
    for (const auto& [ran, result] : held) done.insert(ran);
    Slot* const slot = NextSlot(LaneKind::kSession, once, done);
    if (slot == nullptr) break;
    // One for all of one urgency.
    if (const Work work = WorkOf(*slot, once); !permit || permit->urgency() != work.urgency) {
      permit.reset();
      permit.emplace(runtime_.admission, config_->name, work);
      const bool granted = co_await WaitForPermit(*permit, *slot, once);
      if (!granted || !IsDue(*slot, LaneKind::kSession, once)) {
        permit.reset();
        continue;
      }
    }
    const auto started = steady_clock::now();
    auto failure = co_await EnsureConnected();
    if (failure) {
      permit->Report(steady_clock::now() - started, SessionTimeout(), failure->reason != FailureReason::kTimeout);
      co_return failure;
    }
    const std::shared_ptr<db::Connection> connection = connection_;
    FreshSession fresh(*connection, config_load_time_);
    const bool is_fresh = slot->type->connection == ConnectionKind::kFresh;
    db::Session* session = connection.get();
    if (is_fresh) session = &fresh;
    auto result = co_await RunSlot(*slot, session, once);
    if (result) {
      permit->Report(steady_clock::now() - started, config_->collector(slot->type->name).timeout, !TimedOut(*result));
    }
    const bool usable = connection->usable();
    const bool same_place = connection == connection_;
    if (same_place && (!usable || fresh.outdated())) Disconnect();
    if (fresh.outdated()) {
      if (++reloads == kMostReloads) {
        co_return Failure{FailureReason::kError, "the server reloads its configuration without pause",
                          db::LoginProblem::kReloading};
      }
      log::Debug("the server reloaded its configuration: connecting anew", {{"server", config_->name}});
    } else if (result && same_place) {
      if (!usable && !TimedOut(*result)) co_return LossIn(*result);
      if (usable) up_ = true;
      if (usable && is_fresh) {
        held[slot] = std::move(result);
      } else {
        Store(*slot, std::move(result));
      }
    }
    if (connection != connection_) held.clear();
  }
  for (auto& [slot, result] : held) {
    if (slot->enabled) Store(*slot, std::move(result));
  }
  // Where most servers answer late, no login at once for the connection that a timeout cost: a login is as much work as
  // ten queries. The next collection logs in.
  if (!connection_ && runtime_.admission != nullptr && runtime_.admission->answers_are_late()) {
    up_ = false;
    Publish();
    co_return std::nullopt;
  }
  // After a timeout this tells whether the server is there at all.
  co_return co_await EnsureConnected();
}

asio::awaitable<void> Server::RunDueOnWire(bool once) {
  for (;;) {
    Slot* const slot = NextSlot(LaneKind::kWire, once, {});
    if (slot == nullptr) co_return;
    Admission::Permit permit(runtime_.admission, config_->name, WorkOf(*slot, once));
    const bool granted = co_await WaitForPermit(permit, *slot, once);
    if (!granted || !IsDue(*slot, LaneKind::kWire, once)) continue;
    const auto connection = slot->type->connection == ConnectionKind::kIfConnected ? connection_ : nullptr;
    auto result = co_await RunSlot(*slot, connection.get(), once);
    if (result) Store(*slot, std::move(result));
  }
}

asio::awaitable<std::shared_ptr<const CollectorResult>> Server::RunSlot(Slot& slot, db::Session* session, bool once) {
  // Held for the whole run: a reload may put others in their place meanwhile.
  const auto config = config_;
  const auto place = PlaceOf(*slot.type);
  const auto before = slot.state.result;
  const auto target = target_;
  const config::CollectorConfig& settings = config->collector(slot.type->name);
  const auto started = steady_clock::now();
  LaneOf(NeedsSql(*slot.type) ? LaneKind::kSession : LaneKind::kWire).heartbeat.Expect(started + settings.timeout);
  auto result = std::make_shared<CollectorResult>();
  Output output(config->name);
  const auto facts = [this] { return Snapshot()->facts(); };
  Context context{*config,           settings, *target,         peer_,
                  session,           facts,    own_backends_,   started + settings.timeout,
                  runtime_.blocking, once,     config_version_, before ? before->basis : std::nullopt};
  try {
    auto work = slot.collector->Collect(context, output);
    co_await Within(context.deadline, std::string(slot.type->name), std::move(work));
    if (output.unchanged) {
      *result = *before;
    } else {
      result->samples = output.sink.RenderAfter(before ? before->samples : nullptr);
      result->facts = std::move(output.facts);
      result->incomplete = std::move(output.incomplete);
      result->basis = output.basis;
      result->unsupported = output.unsupported;
    }
  } catch (const std::exception& error) {
    if (IsCancellation(error)) throw;
    result->failure = AsFailure(error);
  }
  result->duration = steady_clock::now() - started;
  const bool outdated = place != PlaceOf(*slot.type) || !config_->collector(slot.type->name).enabled;
  co_return outdated ? nullptr : result;
}

asio::awaitable<std::optional<Failure>> Server::EnsureConnected() {
  if (connection_) co_return std::nullopt;
  try {
    const auto place = place_;
    const std::shared_ptr<db::Connection> connection = co_await Connect();
    const Owned owned(own_backends_, connection->backend_pid());
    const Deadline deadline = After(SessionTimeout());
    session_lane_.heartbeat.Expect(deadline);
    co_await SetUpSession(*connection, SessionTimeout(), deadline);
    OwnConnection own = co_await DescribeConnection(*connection, target_->option("sslmode"), deadline);
    std::string load_time = co_await ConfigLoadTime(*connection, deadline);
    if (place != place_) throw Error(FailureReason::kConnection, "the configuration changed");
    own_backends_.Add(connection->backend_pid());
    connection_ = connection;
    own_connection_ = std::move(own);
    config_load_time_ = std::move(load_time);
  } catch (const std::exception& error) {
    if (IsCancellation(error)) throw;
    co_return AsFailure(error);
  }
  up_ = true;
  // Another of several hosts: what was seen on the wire is of the one before.
  if (peer_ && !peer_->IsAt(connection_->peer())) ForgetWire();
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

void Server::ForgetWire() {
  ++wire_place_;
  for (Slot& slot : slots_) {
    if (NeedsSql(*slot.type)) continue;
    Forget(slot);
    slot.due = Deadline::min();
  }
}

asio::awaitable<std::shared_ptr<db::Connection>> Server::Connect() {
  const auto place = place_;
  db::ConnectOptions options{config_->conninfo, config_->password_file};
  // The first connects of a fleet wait for each other as long as it takes. Later nobody may take what was known before
  // for what is known now: to have no turn in time is a failure.
  const auto patience = up_ ? std::optional(SessionTimeout()) : std::nullopt;
  session_lane_.heartbeat.Expect(patience ? After(*patience + SessionTimeout()) : Deadline::max());
  auto connect = runtime_.connector.Connect(std::move(options), SessionTimeout(), patience);
  auto connection = co_await std::move(connect);
  if (place != place_) throw Error(FailureReason::kConnection, "the configuration changed");
  co_return connection;
}

}  // namespace pgtls::sampling
