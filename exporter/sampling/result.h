// The results of collections, immutable and shared between the sampling loop and the web.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/base/error.h"
#include "exporter/base/net_address.h"
#include "exporter/db/login_error.h"
#include "exporter/metrics/samples.h"
#include "exporter/sampling/collector.h"

namespace pgtls::sampling {

struct Failure {
  FailureReason reason;
  std::string message;  // for logs, check and pages; may hold text from a server
  // Of a failed login, as far as known.
  db::LoginProblem login = db::LoginProblem::kUnknown;
};

inline Failure AsFailure(const std::exception& error) {
  const auto* known = dynamic_cast<const Error*>(&error);
  const auto* login = dynamic_cast<const db::LoginError*>(&error);
  return {known != nullptr ? known->reason() : FailureReason::kError, error.what(),
          login != nullptr ? login->problem() : db::LoginProblem::kUnknown};
}

// Whether the server answered, even if with an error. A silent host or a name that was not found is no answer.
inline bool IsAnswer(const Failure& failure) {
  return failure.reason != FailureReason::kTimeout && failure.login != db::LoginProblem::kUnreachable &&
         failure.login != db::LoginProblem::kNameNotResolved;
}

// One run of one collector. A failed run has no samples and no facts.
struct CollectorResult {
  metrics::SharedSamples samples;  // null: a failed run; the last run's if nothing changed
  Facts facts;
  std::vector<IncompletePart> incomplete;
  std::optional<Failure> failure;
  // Whether `failure` is that of the server's connection, which all collectors that need SQL share.
  bool failed_with_connection = false;
  std::optional<Digest> basis;  // Output::basis
  std::optional<Unsupported> unsupported;
  std::chrono::nanoseconds duration{};
};

// How the exporter's own connection is protected, as the server sees it.
struct OwnConnection {
  std::string sslmode;     // the option in force
  std::string encryption;  // tls, gss, none
  std::string version;     // TLSv1.3; empty without TLS
  std::string cipher;
  // ssl_is_used() of the sslinfo extension; absent if it is not installed.
  std::optional<bool> ssl_is_used = {};
  std::optional<IpAddress> address = std::nullopt;  // the server's; absent over a Unix socket
  // The start of its postmaster, which identifies a server, in microseconds since the epoch. 0: not known, or each
  // login of the exporter is one to a pooler and no session of the server.
  std::int64_t cluster = 0;
  std::string contradiction = {};  // on what two sources disagree, for the log; usually empty
};

// The state of one collector on one server. `result` is null before the first run.
struct CollectorState {
  std::string name;
  const CollectorType* type = nullptr;  // lives as long as the process
  std::chrono::milliseconds interval{};
  std::shared_ptr<const CollectorResult> result;
  std::optional<std::chrono::system_clock::time_point> last_success;
  metrics::SharedSamples health;  // this collector's part of the exporter's own metrics about the server
};

// A server at one moment, as pages, /metrics and the audit see it.
struct ServerSnapshot {
  std::string name;
  std::string_view kind;   // Driver::kind() of the last login; empty before the first one
  std::string product;     // "PostgreSQL 15.20 (Debian …)"; empty while the server is not up
  std::optional<bool> up;  // absent before the first try
  std::optional<Failure> connection_failure;
  std::optional<OwnConnection> connection;
  config::LoopbackSeverity loopback = config::LoopbackSeverity::kNote;  // of the policy, for the audit
  std::vector<CollectorState> collectors;                               // the enabled ones
  std::vector<const CollectorType*> disabled;
  metrics::SharedSamples health;  // the exporter's own metrics about the server as a whole

  // All collectors' facts.
  Facts facts() const {
    Facts all;
    for (const auto& collector : collectors) {
      if (collector.result) all.Merge(collector.result->facts);
    }
    return all;
  }
};

using SharedSnapshot = std::shared_ptr<const ServerSnapshot>;
using Snapshots = std::vector<SharedSnapshot>;  // in the configuration's order; none is null

}  // namespace pgtls::sampling
