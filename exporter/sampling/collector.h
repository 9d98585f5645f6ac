// What a collector is: given a server, it produces samples and typed facts, once per interval.
#pragma once

#include <asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <typeindex>
#include <vector>

#include "exporter/base/blocking.h"
#include "exporter/base/deadline.h"
#include "exporter/base/digest.h"
#include "exporter/config/collector_schema.h"
#include "exporter/config/config.h"
#include "exporter/db/session.h"
#include "exporter/db/target.h"
#include "exporter/metrics/desc.h"
#include "exporter/metrics/sink.h"
#include "exporter/sampling/own_backends.h"
#include "exporter/sampling/part.h"

namespace pgtls::sampling {

// Typed facts by their type: the settings, the rules, the served chain. Immutable and shared, in types of the low
// layers, so that other collectors, the audit and the pages read facts and never samples.
class Facts {
 public:
  template <typename T>
  void Publish(std::shared_ptr<const T> fact) {
    facts_[typeid(T)] = std::move(fact);
  }
  // Null if no collection has produced one, or the last one of its collector failed.
  template <typename T>
  std::shared_ptr<const T> Get() const {
    const auto found = facts_.find(typeid(T));
    return found == facts_.end() ? nullptr : std::static_pointer_cast<const T>(found->second);
  }
  void Merge(const Facts& other) {
    for (const auto& [type, fact] : other.facts_) facts_[type] = fact;
  }

 private:
  std::map<std::type_index, std::shared_ptr<const void>> facts_;
};

class ServerSession;

// What one collection is given. References live as long as the collection.
struct Context {
  const config::ServerConfig& server;
  const config::CollectorConfig& config;
  const db::Target& target;
  // Driver::kind() of the server that the last login met; empty before the first one.
  std::string_view kind;
  // Where SQL is connected now; absent while it is not (always there for a collector that needs SQL).
  std::optional<db::Peer> peer;
  // The session lane's connection, as fresh as CollectorType::connection says. Null for kNone, and for kIfConnected
  // while SQL is not connected.
  db::Session* session;
  // The facts of all collectors' latest runs on this server, as they are at the time of the call.
  std::function<Facts()> facts;
  OwnBackends& own_backends;
  // When the collection must have ended: every wait takes it.
  Deadline deadline;
  BlockingPool& blocking;
  // One run outside the schedule (/probe, collect, check): work that is otherwise spread over time is done now.
  bool once;
  // Changes with each change of the server's configuration.
  std::uint64_t config_version = 0;
  // Output::basis of the current result; absent if that run failed, or there is none.
  std::optional<Digest> basis;
  // Logs in to another database of the same server, until the collection's deadline. For a collector that needs SQL.
  // Throws LoginError and TimeoutError.
  std::function<asio::awaitable<std::unique_ptr<ServerSession>>(std::string database)> open_database = {};
  // OwnConnection::cluster of the session lane's last login; 0 before the first one.
  std::int64_t cluster = 0;
};

// A part of the result that this role, or this machine, may not read although the run succeeded
// (pg_tls_collector_incomplete_info).
struct IncompletePart {
  std::string part;         // as declared in CollectorType::parts
  std::string reason;       // of one of the part's remedies
  std::string detail = {};  // the path or address that it is about; printable, not a label
};

// Why a collector has nothing to do on a server, for a reader.
struct Unsupported {
  std::string where;   // fits after "has nothing to check": "over a Unix socket"
  std::string remedy;  // in full sentences
};

// What one collection produced.
struct Output {
  explicit Output(const std::string& server_name) : sink(server_name) {}

  metrics::Sink sink;
  Facts facts;
  std::vector<IncompletePart> incomplete;
  // The digest of everything that this result was made from. If it equals Context::basis, the collector may set
  // `unchanged` and leave the rest empty: the current result is kept.
  std::optional<Digest> basis;
  bool unchanged = false;
  // This collector has nothing to do on this server: no series and no health of its own.
  std::optional<Unsupported> unsupported;
};

// One instance per server and collector, kept while the server is configured: its members outlive a collection
// (counters, the last rules in force). Used on the sampling loop only. A collection that fails throws Error; its series
// are then removed and the reason is reported.
class Collector {
 public:
  virtual ~Collector() = default;
  virtual asio::awaitable<void> Collect(Context& context, Output& output) = 0;
};

// How a collector reaches the server. Collectors that are due together and equally urgent run in this order, so that
// one can read the facts of those before it.
enum class ConnectionKind {
  kPersistent,  // the session lane's connection
  kFresh,       // the same, reopened after each reload of the server: an older session has outdated settings
  kNone,        // the wire lane: no login; continues when login fails
  kIfConnected  // the wire lane too, with the session lane's connection if there is one; runs without it otherwise
};

// One entry of collectors.def.
struct CollectorType {
  std::string_view name;
  std::string_view help;
  ConnectionKind connection;
  std::span<const metrics::Desc* const> descs;
  std::unique_ptr<Collector> (*make)();
  // The parts that Output::incomplete may have.
  std::span<const DeclaredPart> parts = {};
  // What to do if a run failed, by reason (ToString(FailureReason)): those that need another remedy than
  // FailureRemedy() of exporter/audit has.
  std::span<const Remedy> failures = {};
  config::CollectorSchema schema = {};
  // The kinds of server (Driver::kind()) that it supports; it has nothing to check on others. Empty: all.
  std::span<const std::string_view> kinds = {};
  // Sets the options with which the result answers `explain` about these names of users and databases. Null if
  // `explain` reads no fact of this collector.
  void (*explain)(std::vector<std::string> names, config::CollectorOptions& options) = nullptr;
};

inline bool NeedsSql(const CollectorType& type) {
  return type.connection == ConnectionKind::kPersistent || type.connection == ConnectionKind::kFresh;
}

}  // namespace pgtls::sampling
