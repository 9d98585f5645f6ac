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
  // Null where no collection has produced one, or the last that should have failed.
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
  // The facts of all collectors' latest successful runs on this server, put together for whoever asks,
  // as they are then.
  std::function<Facts()> facts;
  OwnBackends& own_backends;
  // When the collection must have ended. Every wait takes it.
  Deadline deadline;
  BlockingPool& blocking;
  // One run outside the schedule (/probe, collect, check): what is otherwise spread over time is done now.
  bool once;
  // Another number whenever the server's configuration was set anew.
  std::uint64_t config_version = 0;
  // Output::basis of the result that stands now; absent where that failed, or there is none.
  std::optional<Digest> basis;
};

// A part of the picture that this role or place may not see, though the run succeeded
// (pg_tls_collector_incomplete_info).
struct IncompletePart {
  std::string part;         // as declared in CollectorType::parts
  std::string reason;       // one of the part's remedies has it
  std::string detail = {};  // what a remedy is for: a path, an address; printable, not a label
};

// Why a collector has nothing to do on a server, for a reader.
struct Unsupported {
  std::string where;   // fits behind "has nothing to check": "over a Unix socket"
  std::string remedy;  // in full sentences
};

// What one collection produced.
struct Output {
  explicit Output(const std::string& server_name) : sink(server_name) {}

  metrics::Sink sink;
  Facts facts;
  std::vector<IncompletePart> incomplete;
  // Of all that this result was made from. A collector that gives it may, where it is Context::basis, leave the rest
  // empty and say that nothing has changed: the result that stands is taken over.
  std::optional<Digest> basis;
  bool unchanged = false;
  // This collector has nothing to do on this server: no series and no health of its own.
  std::optional<Unsupported> unsupported;
};

// One instance per server and collector, kept while the server is configured: its members are what outlives a
// collection (counters, the last rules in force). Used on the sampling loop only. A collection that fails throws Error;
// then its series are gone and the reason is told.
class Collector {
 public:
  virtual ~Collector() = default;
  virtual asio::awaitable<void> Collect(Context& context, Output& output) = 0;
};

// How a collector reaches the server. Those that are due together and equally urgent run in this order: what one has
// found, the next may read.
enum class ConnectionKind {
  kPersistent,  // the session lane's connection
  kFresh,       // the same, made anew after each reload of the server: an older session's settings are not the server's
  kNone,        // the wire lane: no login; goes on when login fails
  kIfConnected  // the wire lane too, with the session lane's connection where there is one: it goes on without
};

// One entry of collectors.def.
struct CollectorType {
  std::string_view name;
  std::string_view help;
  ConnectionKind connection;
  std::span<const metrics::Desc* const> descs;
  std::unique_ptr<Collector> (*make)();
  // All that Output::incomplete may hold.
  std::span<const DeclaredPart> parts = {};
  // What to do where a run failed for a reason (ToString(FailureReason)), where this collector knows it better than
  // FailureRemedy() of exporter/audit.
  std::span<const Remedy> failures = {};
  config::CollectorSchema schema = {};
  // The kinds of server (Driver::kind()) that it knows; it has nothing to check on others. Empty: on all.
  std::span<const std::string_view> kinds = {};
  // Makes options of which the result answers `explain` about these names of users and databases. Null if `explain`
  // reads nothing that this collector publishes.
  void (*explain)(std::vector<std::string> names, config::CollectorOptions& options) = nullptr;
};

inline bool NeedsSql(const CollectorType& type) {
  return type.connection == ConnectionKind::kPersistent || type.connection == ConnectionKind::kFresh;
}

}  // namespace pgtls::sampling
