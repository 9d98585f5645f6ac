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
  // A backend that hangs does not notice that its client is gone. This limits the connection slots that a stalled
  // server loses to one entry of the configuration; the CONNECTION LIMIT of deploy/sql/monitoring_role.sql counts on
  // it.
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
  // After a RunOnce() that did not finish: collectors without a result get this failure.
  void FailUnfinished(const Failure& failure);

  SharedSnapshot Snapshot() const;
  // Whether a lane has stopped making progress; a slow or dead database does not stop one. On any thread.
  bool IsStuck(Deadline now) const;
  const config::ServerConfig& config() const { return *config_; }

 private:
  struct Slot {
    const CollectorType* type;
    std::unique_ptr<Collector> collector;
    bool enabled = false;
    Deadline due = Deadline::min();
    std::uint64_t changes = 0;  // of its settings
    // How many runs in a row had no SQL, for a collector that can use it.
    int runs_without_sql = 0;
    CollectorState state;
    std::set<std::pair<std::string, std::string>> logged;  // incomplete parts that are in the log already
    // What state.health was rendered from.
    std::shared_ptr<const CollectorResult> health_result;
    std::chrono::milliseconds health_interval{};
  };
  enum class LaneKind { kSession, kWire };
  struct Lane {
    explicit Lane(asio::io_context& loop) : wake(loop) {}
    asio::steady_timer wake;  // until the next collector is due; cancelled when the schedule changes
    asio::cancellation_signal stop;
    Heartbeat heartbeat;
  };
  Lane& LaneOf(LaneKind kind) { return kind == LaneKind::kSession ? session_lane_ : wire_lane_; }

  // Runs until Stop(). An exception that ends a round of the lane is logged, and the lane continues after a pause.
  asio::awaitable<void> RunLane(LaneKind kind);
  asio::awaitable<void> RunRound(LaneKind kind);
  // Runs a round and returns the message of the exception that ended it; nullopt: none did.
  asio::awaitable<std::optional<std::string>> FailureOfRound(LaneKind kind);
  // Replaces the results of the lane's due collectors by this failure.
  void FailLane(LaneKind kind, const Failure& failure);
  asio::awaitable<void> RunDueOnSession(bool once);
  // Returns the failure by which the lane lost its connection, if any: it was closed, or the server was silent. A
  // collector that times out on a server that answers fails alone. The others continue, on a new connection if that one
  // is unusable or the server has reloaded its configuration.
  asio::awaitable<std::optional<Failure>> RunDueSlots(bool once);
  asio::awaitable<void> RunDueOnWire(bool once);
  // Null if the configuration changed during the run so that the result no longer applies.
  asio::awaitable<std::shared_ptr<const CollectorResult>> RunSlot(Slot& slot, db::Session* session, bool once);
  // Makes the lane's session unless there is a usable one. nullopt: success.
  asio::awaitable<std::optional<Failure>> EnsureSession();
  asio::awaitable<std::optional<Failure>> MakeSession();
  asio::awaitable<std::unique_ptr<db::Connection>> Connect();
  OwnBackends::Login StartLogin(std::string database) const;
  db::ConnectOptions OptionsFor(std::string database) const;
  // Context::open_database, for a run that began at `place`. Throws Error once the server is configured elsewhere.
  asio::awaitable<std::unique_ptr<ServerSession>> OpenDatabase(std::string database, std::uint64_t place,
                                                               Deadline deadline);
  // ProcessSessions::open, likewise.
  asio::awaitable<std::shared_ptr<ServerSession>> ProcessSession(std::string process, std::uint64_t place,
                                                                 Deadline deadline);
  void RequirePlace(std::uint64_t place) const;
  const Driver& DriverOf(const db::Connection& connection) const;
  bool HasUsableSession() const { return session_ && session_->connection().usable(); }
  // Throws TimeoutError if the server does not end closed connections, so that kMostLeftBehind of them are open there.
  asio::awaitable<void> RequireFewLeftBehind();
  // Makes kIfConnected collectors due that ran without a connection: there is one now.
  void WakeWire();

  // SQL is connected to another host: removes the results of the wire lane and makes its collectors due.
  void ForgetWire();
  // Changes when results of runs that began earlier no longer apply.
  std::uint64_t PlaceOf(const CollectorType& type) const { return NeedsSql(type) ? place_ : place_ + wire_place_; }

  void Configure(std::shared_ptr<const config::ServerConfig> config);
  static void Forget(Slot& slot);
  void Disconnect();
  bool IsDue(const Slot& slot, LaneKind kind, bool once) const;
  Work WorkOf(const Slot& slot, bool once) const;
  // The next collector that is due on this lane, without those in `done`; null if none is.
  Slot* NextSlot(LaneKind kind, bool once, const std::set<const Slot*>& done);
  // Waits for the permit to run `slot`. Returns false if another collector of its lane, not in `done`, became due and
  // runs first. Drops results of the lane that become outdated during the wait.
  asio::awaitable<bool> WaitForPermit(Admission::Permit& permit, const Slot& slot, bool once,
                                      const std::set<const Slot*>& done);
  // A result that is older than three intervals is replaced by a failure.
  void DropOutdated(LaneKind kind);
  static Deadline OutdatedAt(const Slot& slot);
  Deadline NextDue(LaneKind kind) const;
  // After the first run.
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
  struct Process {
    std::shared_ptr<ServerSession> session;  // usable or not; null before the first login
    std::shared_ptr<db::ClosingSockets> closing = std::make_shared<db::ClosingSockets>();
  };
  std::map<std::string, Process> processes_;  // by ServerConfig::processes, those that a collector asked for
  std::optional<db::Peer> peer_;              // the last one: the wire lane continues there when SQL is lost
  const Driver* driver_ = nullptr;            // of the last login
  std::int64_t cluster_ = 0;                  // OwnConnection::cluster of the last login
  std::string product_;                       // as the driver describes the server
  // This server's closed connections that it has not ended yet.
  std::shared_ptr<db::ClosingSockets> closing_ = std::make_shared<db::ClosingSockets>();
  std::optional<bool> up_;
  std::optional<Failure> connection_failure_;
  int failures_in_a_row_ = 0;
  std::uint64_t config_version_ = 0;
  std::uint64_t place_ = 0;       // counts changes of the address or user with which this server is reached
  std::uint64_t wire_place_ = 0;  // and changes between several hosts of one conninfo
  bool stopped_ = false;

  mutable std::mutex mutex_;
  SharedSnapshot published_ = std::make_shared<const ServerSnapshot>();  // never null
};

}  // namespace pgtls::sampling
