// One watched server: its two lanes, its schedule, its results.
#pragma once

#include <asio.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "exporter/base/blocking.h"
#include "exporter/base/heartbeat.h"
#include "exporter/config/config.h"
#include "exporter/db/connection.h"
#include "exporter/db/connector.h"
#include "exporter/sampling/admission.h"
#include "exporter/sampling/driver.h"
#include "exporter/sampling/own_backends.h"
#include "exporter/sampling/result.h"

namespace pgtls::sampling {

// What all servers share. Outlives them.
struct Runtime {
  asio::io_context& loop;
  BlockingPool& blocking;
  db::Connector& connector;
  std::span<const CollectorType* const> collectors;  // in the page's order
  // Kinds of server; the first one that recognizes a server has it. REQUIRES: the last one recognizes all.
  std::span<const Driver* const> drivers;
  // Null: as many collections at once as there are servers.
  Admission* admission = nullptr;
  // Of all servers, probes and /probe. Never null.
  std::shared_ptr<OwnBackends> own_backends = std::make_shared<OwnBackends>();
};

// Collects on two lanes: the session lane (SQL, one persistent connection) and the wire lane (no login; goes on when
// SQL fails). Each collector runs at once and then on its own interval, under its own timeout; a failing one does not
// hide another. All functions run on the loop, but Snapshot(), which any thread may call.
class Server : public std::enable_shared_from_this<Server> {
 public:
  // A backend that hangs does not notice that its client has gone. This bounds the slots that a stalled server loses to
  // an entry of the configuration; the CONNECTION LIMIT of deploy/sql/monitoring_role.sql counts on it.
  static constexpr std::size_t kMostLeftBehind = 3;

  // `target` is that of config->conninfo.
  Server(std::shared_ptr<const config::ServerConfig> config, db::Target target, Runtime& runtime);
  // Finds the target itself: blocks on files, and throws ConfigError for a conninfo that libpq does not understand.
  Server(const std::shared_ptr<const config::ServerConfig>& config, Runtime& runtime);

  void Start();
  // A collector whose settings or policy changed runs at once, with the new ones. Connection and results stay, unless
  // the conninfo or its password file changed; what collectors keep over time (counters) always stays. `target` is that
  // of config->conninfo.
  void Reconfigure(std::shared_ptr<const config::ServerConfig> config, db::Target target);
  // Ends both lanes at once; the object may live on in their last step.
  void Stop();

  // Every enabled collector once, outside the schedule. For a server that was not started.
  asio::awaitable<void> RunOnce();
  // After a RunOnce() that was cut short: what has no result yet has failed with this.
  void FailUnfinished(const Failure& failure);

  SharedSnapshot Snapshot() const;
  // A lane is stuck where it should not, however slow or dead the database is. On any thread.
  bool IsStuck(Deadline now) const;
  const config::ServerConfig& config() const { return *config_; }

 private:
  struct Slot {
    const CollectorType* type;
    std::unique_ptr<Collector> collector;
    bool enabled = false;
    Deadline due = Deadline::min();
    std::uint64_t changes = 0;  // of its settings
    // What it can see depends on SQL, and its last run had none; how many runs in a row.
    int runs_without_sql = 0;
    CollectorState state;
    std::set<std::pair<std::string, std::string>> told;  // incomplete parts that are in the log already
    // What state.health tells of.
    std::shared_ptr<const CollectorResult> told_result;
    std::chrono::milliseconds told_interval{};
  };
  enum class LaneKind { kSession, kWire };
  struct Lane {
    explicit Lane(asio::io_context& loop) : wake(loop) {}
    asio::steady_timer wake;  // until the next collector is due; cancelled when the schedule changes
    asio::cancellation_signal stop;
    Heartbeat heartbeat;
  };
  Lane& LaneOf(LaneKind kind) { return kind == LaneKind::kSession ? session_lane_ : wire_lane_; }

  // Until Stop(). What ends a turn of the lane with an exception is logged, and the lane goes on after a pause.
  asio::awaitable<void> RunLane(LaneKind kind);
  asio::awaitable<void> RunTurn(LaneKind kind);
  // Why a turn ended with an exception; nullopt: it did not.
  asio::awaitable<std::optional<std::string>> FailureOfTurn(LaneKind kind);
  // No result of the lane's due collectors stands.
  void FailLane(LaneKind kind, const Failure& failure);
  asio::awaitable<void> RunDueOnSession(bool once);
  // The failure that cost the lane its connection, if one did: it was lost, or the server was silent. A collector that
  // takes too long on a server that answers costs only itself: it has its result, and the others go on, on a new
  // connection where it has spent the old one, as they do where the server has reloaded its configuration.
  asio::awaitable<std::optional<Failure>> RunDueSlots(bool once);
  asio::awaitable<void> RunDueOnWire(bool once);
  // Null where the configuration changed so much meanwhile that the result says nothing any more.
  asio::awaitable<std::shared_ptr<const CollectorResult>> RunSlot(Slot& slot, db::Session* session, bool once);
  // Makes the lane's session if there is none that is usable. nullopt: there is one.
  asio::awaitable<std::optional<Failure>> EnsureSession();
  asio::awaitable<std::optional<Failure>> MakeSession();
  asio::awaitable<std::unique_ptr<db::Connection>> Connect();
  const Driver& DriverOf(const db::Connection& connection) const;
  bool HasUsableSession() const { return session_ && session_->connection().usable(); }
  // Throws TimeoutError if the server does not end closed connections, so that kMostLeftBehind of them are open there.
  asio::awaitable<void> RequireFewLeftBehind();
  // A connection is there: who went without has something to see now.
  void WakeWire();

  // SQL is connected to another host: results of the wire lane are gone, and its collectors due.
  void ForgetWire();
  // Changes when a result of a run that began before says nothing any more.
  std::uint64_t PlaceOf(const CollectorType& type) const { return NeedsSql(type) ? place_ : place_ + wire_place_; }

  void Configure(std::shared_ptr<const config::ServerConfig> config);
  static void Forget(Slot& slot);
  void Disconnect();
  bool IsDue(const Slot& slot, LaneKind kind, bool once) const;
  Work WorkOf(const Slot& slot, bool once) const;
  // The one that is due on this lane and runs before the others; null where none is. `done`: not one of these.
  Slot* NextSlot(LaneKind kind, bool once, const std::set<const Slot*>& done);
  // Waits for the permit to run `slot`. False where another collector of its lane, but for those in `done`, is due and
  // runs first meanwhile. Drops what becomes outdated on the lane.
  asio::awaitable<bool> WaitForPermit(Admission::Permit& permit, const Slot& slot, bool once,
                                      const std::set<const Slot*>& done);
  // A result that is older than three intervals is replaced by a failure.
  void DropOutdated(LaneKind kind);
  static Deadline OutdatedAt(const Slot& slot);
  Deadline NextDue(LaneKind kind) const;
  // From a first run on.
  std::chrono::milliseconds SecondRun(const Slot& slot) const;
  // `changes`: of the slot, when the run began.
  void Store(Slot& slot, std::shared_ptr<const CollectorResult> result, std::uint64_t changes);
  void FailAllOnSession(const Failure& failure);
  std::chrono::milliseconds Backoff(const Failure& failure);
  void LogChange(const std::string& collector, const std::optional<Failure>& before, const std::optional<Failure>& now);
  void Publish();
  // Of the collectors that need SQL: the longest timeout, which a login has, and the shortest.
  std::chrono::milliseconds SessionTimeout() const;
  std::chrono::milliseconds ShortestTimeout() const;

  Runtime& runtime_;
  std::shared_ptr<const config::ServerConfig> config_;
  std::shared_ptr<const db::Target> target_;  // never null; shared with the runs that use it
  std::vector<Slot> slots_;
  Lane session_lane_;
  Lane wire_lane_;
  double phase_;  // of the shortest interval: when this server's collectors run for the second time
  std::shared_ptr<ServerSession> session_;  // usable or not; shared with the run that uses it
  std::optional<db::Peer> peer_;            // the last one: the wire lane goes on there when SQL is gone
  const Driver* driver_ = nullptr;          // of the last login
  std::string product_;                     // what it says that the server is
  // Of this server's closed connections, those that it has not ended.
  std::shared_ptr<db::ClosingSockets> closing_ = std::make_shared<db::ClosingSockets>();
  std::optional<bool> up_;
  std::optional<Failure> connection_failure_;
  int failures_in_a_row_ = 0;
  std::uint64_t config_version_ = 0;
  std::uint64_t place_ = 0;       // counts the changes of where, or as whom, this server is reached
  std::uint64_t wire_place_ = 0;  // and how often SQL connected to another of several hosts than before
  bool stopped_ = false;

  mutable std::mutex mutex_;
  SharedSnapshot published_ = std::make_shared<const ServerSnapshot>();  // never null
};

}  // namespace pgtls::sampling
