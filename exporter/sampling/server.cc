#include "exporter/sampling/server.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "exporter/base/completion.h"
#include "exporter/base/error.h"
#include "exporter/base/log.h"
#include "exporter/base/random.h"
#include "exporter/sampling/health.h"
#include "exporter/sampling/schedule.h"

namespace pgtls::sampling {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

void LogMissing(const std::string& server, const std::string& collector, const IncompletePart& missing) {
  constexpr std::string_view kMessage = "a part could not be checked";
  const auto& [part, reason, detail] = missing;
  if (detail.empty()) {
    log::Info(kMessage, {{"server", server}, {"collector", collector}, {"part", part}, {"reason", reason}});
  } else {
    log::Info(kMessage,
              {{"server", server}, {"collector", collector}, {"part", part}, {"reason", reason}, {"detail", detail}});
  }
}

}  // namespace

Server::Server(const std::shared_ptr<const config::ServerConfig>& config, Runtime& runtime)
    : Server(config, db::ResolveTarget(config->conninfo), runtime) {}

Server::Server(std::shared_ptr<const config::ServerConfig> config, db::Target target, Runtime& runtime)
    : runtime_(runtime),
      target_(std::make_shared<const db::Target>(std::move(target))),
      session_lane_(runtime.loop),
      wire_lane_(runtime.loop),
      phase_(RandomFactor(0.5, 1)) {
  slots_.reserve(runtime.collectors.size());
  for (const CollectorType* type : runtime.collectors) {
    Slot& slot = slots_.emplace_back();
    slot.type = type;
    slot.collector = type->make();
    slot.state.name = type->name;
    slot.state.type = type;
  }
  Configure(std::move(config));
}

// Also what the health text was made from: nothing holds a result that is shown no more.
void Server::Forget(Slot& slot) {
  slot.state.result = nullptr;
  slot.state.health = nullptr;
  slot.health_result = nullptr;
}

void Server::Configure(std::shared_ptr<const config::ServerConfig> config) {
  const auto before = std::exchange(config_, std::move(config));
  ++config_version_;
  for (Slot& slot : slots_) {
    const config::CollectorConfig& settings = config_->collector(slot.type->name);
    // The policy is judged on what SQL shows; the names and roots are tried over the network.
    const auto other_inputs = [&] {
      if (NeedsSql(*slot.type)) return config_->policy != before->policy || config_->processes != before->processes;
      return config_->endpoint_names != before->endpoint_names || config_->roots != before->roots;
    };
    if (!before || settings != before->collector(slot.type->name) || other_inputs()) {
      slot.due = Deadline::min();
      ++slot.changes;
    }
    if (settings.enabled != slot.enabled) Forget(slot);
    slot.enabled = settings.enabled;
    slot.state.interval = settings.interval;
  }
  std::erase_if(processes_, [&](const auto& process) {
    return std::ranges::find(config_->processes, process.first) == config_->processes.end();
  });
  Publish();
}

void Server::Reconfigure(std::shared_ptr<const config::ServerConfig> config, db::Target target) {
  const bool elsewhere = config->conninfo != config_->conninfo || config->password_file != config_->password_file ||
                         config->endpoint != config_->endpoint || target.options != target_->options;
  if (elsewhere) {
    ++place_;
    target_ = std::make_shared<const db::Target>(std::move(target));
    Disconnect();
    closing_ = std::make_shared<db::ClosingSockets>();
    processes_.clear();
    peer_.reset();
    driver_ = nullptr;
    cluster_ = 0;
    up_.reset();
    connection_failure_.reset();
    failures_in_a_row_ = 0;
    for (Slot& slot : slots_) {
      Forget(slot);
      slot.due = Deadline::min();
    }
  }
  Configure(std::move(config));
  session_lane_.wake.cancel();
  wire_lane_.wake.cancel();
}

void Server::Start() {
  for (const LaneKind kind : {LaneKind::kSession, LaneKind::kWire}) {
    Lane& lane = LaneOf(kind);
    auto run = [](std::shared_ptr<Server> self, LaneKind which) -> asio::awaitable<void> {
      co_await self->RunLane(which);
    };
    asio::co_spawn(runtime_.loop, run(shared_from_this(), kind),
                   asio::bind_cancellation_slot(lane.stop.slot(), [](const std::exception_ptr& /*stopped*/) {}));
  }
}

void Server::Stop() {
  stopped_ = true;
  session_lane_.stop.emit(asio::cancellation_type::terminal);
  wire_lane_.stop.emit(asio::cancellation_type::terminal);
}

bool Server::IsDue(const Slot& slot, LaneKind kind, bool once) const {
  if (!slot.enabled || NeedsSql(*slot.type) != (kind == LaneKind::kSession)) return false;
  if (once) return slot.state.result == nullptr;
  // Collectors that are nearly due run with the others: those with one interval then wake the server together.
  return slot.due <= steady_clock::now() + slot.state.interval / 20;
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

bool Server::IsStuck(Deadline now) const {
  return session_lane_.heartbeat.IsOverdue(now) || wire_lane_.heartbeat.IsOverdue(now);
}

asio::awaitable<std::optional<std::string>> Server::FailureOfRound(LaneKind kind) {
  std::optional<std::string> failure;
  try {
    co_await RunRound(kind);
  } catch (const std::exception& error) {
    if (stopped_) throw;
    failure = error.what();
  } catch (...) {
    failure = "unknown";
  }
  co_return failure;
}

asio::awaitable<void> Server::RunLane(LaneKind kind) {
  int failures = 0;
  while (!stopped_) {
    const auto failure = co_await FailureOfRound(kind);
    if (!failure) {
      failures = 0;
      continue;
    }
    const auto pause = milliseconds(500) * (1 << std::min(failures++, 7));
    log::Error("a lane failed; it is started again after a pause",
               {{"server", config_->name},
                {"lane", kind == LaneKind::kSession ? "session" : "wire"},
                {"error", *failure},
                {"pause", fmt::format("{}ms", pause.count())}});
    FailLane(kind, {FailureReason::kError, *failure});
    LaneOf(kind).heartbeat.Expect(After(pause));
    asio::steady_timer timer(runtime_.loop, pause);
    co_await timer.async_wait(asio::use_awaitable);
  }
}

asio::awaitable<void> Server::RunRound(LaneKind kind) {
  Lane& lane = LaneOf(kind);
  const Deadline due = NextDue(kind);
  lane.heartbeat.Expect(std::max(due, steady_clock::now()));
  lane.wake.expires_at(due);
  co_await lane.wake.async_wait(kAsTuple);
  if (stopped_ || NextDue(kind) > steady_clock::now()) co_return;
  if (kind == LaneKind::kSession) {
    co_await RunDueOnSession(false);
  } else {
    co_await RunDueOnWire(false);
  }
}

void Server::FailLane(LaneKind kind, const Failure& failure) {
  if (kind == LaneKind::kSession) {
    Disconnect();  // the state of the protocol is not known
    FailAllOnSession(failure);
    return;
  }
  for (Slot& slot : slots_) {
    if (!IsDue(slot, kind, false)) continue;
    auto result = std::make_shared<CollectorResult>();
    result->failure = failure;
    Store(slot, std::move(result), slot.changes);
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
    Store(slot, std::move(result), slot.changes);
  }
}

void Server::Disconnect() { session_.reset(); }

milliseconds Server::SessionTimeout() const {
  milliseconds longest{1};
  for (const Slot& slot : slots_) {
    if (slot.enabled && NeedsSql(*slot.type)) longest = std::max(longest, config_->collector(slot.type->name).timeout);
  }
  return longest;
}

milliseconds Server::ShortestTimeout() const {
  milliseconds shortest = SessionTimeout();
  for (const Slot& slot : slots_) {
    if (slot.enabled && NeedsSql(*slot.type))
      shortest = std::min(shortest, config_->collector(slot.type->name).timeout);
  }
  return shortest;
}

milliseconds Server::Backoff(const Failure& failure) {
  milliseconds shortest = milliseconds::max();
  for (const Slot& slot : slots_) {
    if (slot.enabled && NeedsSql(*slot.type)) shortest = std::min(shortest, slot.state.interval);
  }
  // To ask whether the server has ended what was left behind costs it nothing.
  if (closing_->CloseEnded() >= kMostLeftBehind)
    return std::chrono::duration_cast<milliseconds>(shortest * RandomFactor(0.5, 1));
  ++failures_in_a_row_;
  const bool silent = failure.reason == FailureReason::kTimeout;
  const bool overload = runtime_.admission != nullptr && runtime_.admission->answers_are_late();
  return sampling::Backoff({failures_in_a_row_, silent, overload}, shortest, RandomFactor(0, 1));
}

void Server::FailAllOnSession(const Failure& failure) {
  const milliseconds backoff = Backoff(failure);
  LogChange("all", connection_failure_, failure);
  up_ = false;
  connection_failure_ = failure;
  for (Slot& slot : slots_) {
    if (!slot.enabled || !NeedsSql(*slot.type)) continue;
    auto result = std::make_shared<CollectorResult>();
    result->failure = failure;
    result->failed_with_connection = true;
    slot.state.result = std::move(result);
    slot.due = After(backoff);
  }
  Publish();
  wire_lane_.wake.cancel();
}

void Server::Store(Slot& slot, std::shared_ptr<const CollectorResult> result, std::uint64_t changes) {
  const bool first = slot.state.result == nullptr;
  const std::optional<Failure> before = first ? std::nullopt : slot.state.result->failure;
  if (up_.value_or(true)) LogChange(slot.state.name, before, result->failure);
  for (const IncompletePart& missing : result->incomplete) {
    // Once: a managed server will never show its files, and its operator need not read so every minute.
    if (slot.logged.emplace(missing.part, missing.reason).second) LogMissing(config_->name, slot.state.name, missing);
  }
  if (!result->failure) slot.state.last_success = std::chrono::system_clock::now();
  slot.state.result = std::move(result);
  slot.due = LastBeat(After(first ? SecondRun(slot) : slot.state.interval), slot.state.interval);
  // Its settings changed during the run.
  if (slot.changes != changes) slot.due = Deadline::min();
  Publish();
}

milliseconds Server::SecondRun(const Slot& slot) const {
  milliseconds shortest = slot.state.interval;
  for (const Slot& other : slots_) {
    if (other.enabled && NeedsSql(*other.type) == NeedsSql(*slot.type)) {
      shortest = std::min(shortest, other.state.interval);
    }
  }
  return sampling::SecondRun(slot.state.interval, shortest, phase_, RandomFactor(0.5, 1));
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
  if (session_) snapshot.connection = session_->own_connection();
  if (driver_ != nullptr) snapshot.kind = driver_->kind();
  if (up_.value_or(false)) snapshot.product = product_;
  snapshot.loopback = config_->policy.loopback;
  snapshot.collectors.reserve(slots_.size());
  for (Slot& slot : slots_) {
    if (!slot.enabled) {
      snapshot.disabled.push_back(slot.type);
      continue;
    }
    if (slot.state.result != slot.health_result || slot.state.interval != slot.health_interval || !slot.state.health) {
      slot.state.health = RenderHealth(config_->name, slot.state);
      slot.health_result = slot.state.result;
      slot.health_interval = slot.state.interval;
    }
    snapshot.collectors.push_back(slot.state);
  }
  snapshot.health = RenderHealth(snapshot, published_->health);
  auto shared = std::make_shared<const ServerSnapshot>(std::move(snapshot));
  const std::lock_guard lock(mutex_);
  published_.swap(shared);
}

SharedSnapshot Server::Snapshot() const {
  const std::lock_guard lock(mutex_);
  return published_;
}

}  // namespace pgtls::sampling
