// How a server's collectors run: the connection that they need, what its loss means, and when it must be replaced.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "exporter/base/error.h"
#include "exporter/base/log.h"
#include "exporter/sampling/process_sessions.h"
#include "exporter/sampling/server.h"

namespace pgtls::sampling {
namespace {

using std::chrono::steady_clock;

bool IsLost(const CollectorResult& result) {
  return result.failure && result.failure->reason == FailureReason::kConnection;
}

bool TimedOut(const CollectorResult& result) {
  return result.failure && result.failure->reason == FailureReason::kTimeout;
}

std::shared_ptr<const CollectorResult> Hidden(IncompletePart part, std::chrono::nanoseconds duration) {
  auto result = std::make_shared<CollectorResult>();
  result->duration = duration;
  result->incomplete.push_back(std::move(part));
  return result;
}

// Empty if the collector knows this kind of server.
std::optional<Unsupported> WhyUnsupported(const CollectorType& type, const Driver* driver) {
  if (driver == nullptr || type.kinds.empty() || std::ranges::find(type.kinds, driver->kind()) != type.kinds.end()) {
    return std::nullopt;
  }
  return Unsupported{
      fmt::format("on {}", driver->kind()),
      fmt::format("This collector does not support {}. Set collectors.{}.enabled: false for this server, "
                  "and this note is gone.",
                  driver->kind(), type.name)};
}

}  // namespace

asio::awaitable<void> Server::RunDueOnSession(bool once) {
  const bool any = std::any_of(slots_.begin(), slots_.end(),
                               [&](const Slot& slot) { return IsDue(slot, LaneKind::kSession, once); });
  if (!any) co_return;
  closing_->CloseEnded();
  if (session_ && session_->spent()) Disconnect();
  const auto place = place_;
  std::optional<Failure> failure;
  bool reused = true;
  while (reused) {
    reused = session_ != nullptr;
    failure = co_await RunDueSlots(once);
    // The server was restarted between two collections: that is no failure, if it answers on a new connection.
    if (!failure || failure->reason != FailureReason::kConnection || place != place_) break;
  }
  // A failure at the previous address says nothing about the current one.
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
  // Results of fresh collectors must be of one configuration: they are held back until all of them ran on one
  // connection.
  struct Held {
    std::shared_ptr<const CollectorResult> result;
    std::uint64_t changes;
  };
  std::map<Slot*, Held> held;
  std::set<const Slot*> retried;
  // Cost the connection in this pass: not again before the others had theirs.
  std::set<const Slot*> spent;
  const auto start_over = [&] {
    held.clear();
    if (session_) session_->StartPass();
  };
  start_over();
  std::optional<Admission::Permit> permit;
  for (;;) {
    std::set<const Slot*> done = spent;
    for (const auto& [ran, found] : held) done.insert(ran);
    Slot* const slot = NextSlot(LaneKind::kSession, once, done);
    if (slot == nullptr) break;
    // One for all of one urgency.
    if (const Work work = WorkOf(*slot, once); !permit || permit->urgency() != work.urgency) {
      permit.reset();
      permit.emplace(runtime_.admission, config_->name, work);
      const bool granted = co_await WaitForPermit(*permit, *slot, once, done);
      if (!granted || !IsDue(*slot, LaneKind::kSession, once)) {
        permit.reset();
        continue;
      }
    }
    const auto started = steady_clock::now();
    auto failure = co_await EnsureSession();
    if (failure) {
      permit->Report(steady_clock::now() - started, SessionTimeout(), IsAnswer(*failure));
      co_return failure;
    }
    const std::shared_ptr<ServerSession> session = session_;
    const db::Connection& connection = session->connection();
    const std::uint64_t changes = slot->changes;
    const bool is_fresh = slot->type->connection == ConnectionKind::kFresh;
    const std::unique_ptr<SessionRun> run = session->StartRun(slot->type->connection);
    auto result = co_await RunSlot(*slot, &run->session(), once);
    RunEnd end = run->Finish();
    const bool usable = connection.usable();
    const bool silent = connection.silent();
    if (result) permit->Report(steady_clock::now() - started, config_->collector(slot->type->name).timeout, !silent);
    const bool same_place = session == session_;
    if (same_place && (!usable || silent || (end.outdated && session->spent()))) Disconnect();
    if (result && same_place && silent) {
      co_return result->failure.value_or(Failure{FailureReason::kTimeout, "the server does not answer"});
    }
    if (end.outdated) {
      if (++reloads == kMostReloads) {
        co_return Failure{FailureReason::kError, "the server reloads its configuration continuously",
                          db::LoginProblem::kReloading};
      }
      log::Debug("the server reloaded its configuration: reconnecting", {{"server", config_->name}});
      start_over();
      continue;
    }
    if (result && same_place) {
      if (!usable && IsLost(*result)) co_return result->failure;
      // The failure may concern only the session that is lost.
      const bool again = !usable && !TimedOut(*result) && retried.insert(slot).second;
      if (end.hidden) result = Hidden(*std::move(end.hidden), result->duration);
      if (usable) up_ = true;
      if (usable && is_fresh) {
        held[slot] = {std::move(result), changes};
      } else if (!again) {
        Store(*slot, std::move(result), changes);
        if (!usable) spent.insert(slot);
      }
    }
    if (session != session_) start_over();
  }
  for (auto& [slot, found] : held) {
    if (slot->enabled) Store(*slot, std::move(found.result), found.changes);
  }
  // After a timeout this decides whether the server answers at all.
  co_return co_await EnsureSession();
}

asio::awaitable<void> Server::RunDueOnWire(bool once) {
  for (;;) {
    Slot* const slot = NextSlot(LaneKind::kWire, once, {});
    if (slot == nullptr) co_return;
    Admission::Permit permit(runtime_.admission, config_->name, WorkOf(*slot, once));
    const bool granted = co_await WaitForPermit(permit, *slot, once, {});
    if (!granted || !IsDue(*slot, LaneKind::kWire, once)) continue;
    const bool asks_sql = slot->type->connection == ConnectionKind::kIfConnected;
    const auto session = asks_sql && HasUsableSession() ? session_ : nullptr;
    const bool knows_peer = peer_.has_value();
    const std::uint64_t changes = slot->changes;
    // The session lane's collectors must not miss their deadlines because of it.
    const auto lent = session ? session->connection().Lend(ShortestTimeout() / 2) : nullptr;
    auto result = co_await RunSlot(*slot, lent.get(), once);
    if (!result) continue;
    const bool saw_all = asks_sql ? session && session->connection().usable() : knows_peer;
    slot->runs_without_sql = saw_all ? 0 : slot->runs_without_sql + 1;
    Store(*slot, std::move(result), changes);
    if (HasUsableSession()) WakeWire();  // the session may have been made during the run
  }
}

asio::awaitable<std::shared_ptr<const CollectorResult>> Server::RunSlot(Slot& slot, db::Session* session, bool once) {
  // Held for the whole run: a reload may replace them.
  const auto config = config_;
  const auto place = PlaceOf(*slot.type);
  const auto before = slot.state.result;
  const auto target = target_;
  const config::CollectorConfig& settings = config->collector(slot.type->name);
  const auto started = steady_clock::now();
  LaneOf(NeedsSql(*slot.type) ? LaneKind::kSession : LaneKind::kWire).heartbeat.Expect(started + settings.timeout);
  auto result = std::make_shared<CollectorResult>();
  result->unsupported = WhyUnsupported(*slot.type, driver_);
  if (result->unsupported) co_return result;
  Output output(config->name);
  ProcessSessions processes;
  processes.open = [this, place = place_](std::string process, Deadline deadline) {
    return ProcessSession(std::move(process), place, deadline);
  };
  const auto facts = [this, processes = std::make_shared<const ProcessSessions>(std::move(processes))] {
    Facts all = Snapshot()->facts();
    all.Publish(processes);
    return all;
  };
  Context context{*config,
                  settings,
                  *target,
                  driver_ != nullptr ? driver_->kind() : std::string_view(),
                  peer_,
                  session,
                  facts,
                  *runtime_.own_backends,
                  started + settings.timeout,
                  runtime_.blocking,
                  once,
                  config_version_,
                  before ? before->basis : std::nullopt};
  context.open_database = [this, place = place_, deadline = started + settings.timeout * 3 / 4](std::string database) {
    return OpenDatabase(std::move(database), place, deadline);
  };
  context.cluster = cluster_;
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
      result->unsupported = std::move(output.unsupported);
    }
  } catch (const std::exception& error) {
    if (IsCancellation(error)) throw;
    result->failure = AsFailure(error);
  }
  result->duration = steady_clock::now() - started;
  const bool outdated = place != PlaceOf(*slot.type) || !config_->collector(slot.type->name).enabled;
  co_return outdated ? nullptr : result;
}

asio::awaitable<std::optional<Failure>> Server::EnsureSession() {
  if (HasUsableSession()) co_return std::nullopt;
  Disconnect();
  // A login may take longer than a collection. A server that was up is down as soon as a collection's time has passed
  // without an answer.
  const auto connecting = std::make_shared<bool>(true);
  asio::steady_timer late(co_await asio::this_coro::executor, ShortestTimeout());
  if (up_.value_or(false)) {
    late.async_wait([this, connecting, place = place_](const std::error_code& error) {
      if (!error && *connecting && place == place_)
        FailAllOnSession({FailureReason::kTimeout, "connect: no answer in time"});
    });
  }
  auto failure = co_await MakeSession();
  *connecting = false;
  co_return failure;
}

asio::awaitable<std::optional<Failure>> Server::MakeSession() {
  bool logged_in = false;
  try {
    const auto place = place_;
    co_await RequireFewLeftBehind();
    OwnBackends::Login login = StartLogin(target_->option("dbname"));
    std::unique_ptr<db::Connection> connection = co_await Connect();
    logged_in = true;
    if (const auto& local = connection->local()) login.Known(*local);
    const Deadline deadline = After(SessionTimeout());
    session_lane_.heartbeat.Expect(deadline);
    const Driver& driver = DriverOf(*connection);
    std::string product = driver.Product(connection->version_text());
    auto start = driver.StartSession(std::move(connection), std::move(login), target_->option("sslmode"), deadline);
    std::unique_ptr<ServerSession> session = co_await std::move(start);
    RequirePlace(place);
    session_ = std::move(session);
    driver_ = &driver;
    product_ = std::move(product);
  } catch (const TimeoutError& error) {
    if (!logged_in) co_return AsFailure(error);
    co_return Failure{FailureReason::kTimeout,
                      "the login succeeded, but the first queries got no answer in time: the server does not respond, "
                      "or a pooler has no server connection left"};
  } catch (const std::exception& error) {
    if (IsCancellation(error)) throw;
    co_return AsFailure(error);
  }
  up_ = true;
  const db::Connection& connection = session_->connection();
  // Another of several hosts: the wire results are of the previous one.
  if (peer_ && !peer_->IsAt(connection.peer())) ForgetWire();
  peer_ = connection.peer();
  const OwnConnection& own = session_->own_connection();
  cluster_ = own.cluster;
  log::Info("connected", {{"server", config_->name},
                          {"product", product_},
                          {"encryption", own.encryption},
                          {"version", own.version},
                          {"cipher", own.cipher},
                          {"sslmode", own.sslmode},
                          {"ssl_is_used", own.ssl_is_used ? (*own.ssl_is_used ? "true" : "false") : "unknown"},
                          {"pooled", connection.pooled() ? "true" : "false"},
                          {"backend_pid", std::to_string(connection.backend_pid())}});
  if (!own.contradiction.empty()) log::Warn(own.contradiction, {{"server", config_->name}});
  WakeWire();
  co_return std::nullopt;
}

void Server::WakeWire() {
  for (Slot& slot : slots_) {
    if (slot.runs_without_sql == 0) continue;
    // Where SQL comes and goes, less and less often.
    const auto pause = std::chrono::seconds(1 << std::min(slot.runs_without_sql - 1, 16)) - std::chrono::seconds(1);
    slot.due = std::min(slot.due, After(pause));
  }
  wire_lane_.wake.cancel();
}

void Server::ForgetWire() {
  ++wire_place_;
  for (Slot& slot : slots_) {
    if (NeedsSql(*slot.type)) continue;
    Forget(slot);
    slot.due = Deadline::min();
  }
}

}  // namespace pgtls::sampling
