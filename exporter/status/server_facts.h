// What is known of one server, and how the status page reads it.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/audit/finding.h"
#include "exporter/audit/known_facts.h"
#include "exporter/status/view.h"

namespace pgtls::status {

struct ServerFacts : audit::KnownFacts {
  using KnownFacts::KnownFacts;

  const sampling::CollectorState* Collector(std::string_view name) const;
  // Why a collector's facts are not there, or are not to be trusted; empty where they are.
  std::string WhyUnknown(std::string_view collector) const;
  // Why a look at the wire that succeeded does not tell whether the server offers TLS; empty where it does.
  std::string WhyWireUnknown() const;
  // Its last run failed with the connection that all collectors on SQL share: said once, and not of each.
  bool FailedWithConnection(const sampling::CollectorState& state) const;
};

// Of one finding, and of the worst of several. What could not be checked though the right grants would show it is a
// note; what failed is unknown.
Level LevelOf(const audit::Finding& finding);
Level LevelOf(audit::Severity severity);
Level LevelOf(const audit::Findings& findings);

ConnectionCounts CountsOf(const sessions::Summary& summary);
// Of its unencrypted connections that the policy does not allow.
Level LevelOf(const ConnectionCounts& counts, const ServerFacts& facts);

}  // namespace pgtls::status
