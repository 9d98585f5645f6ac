// What is known of one server, and how the status page reads it.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
  // Time since the last success; absent without one.
  std::optional<std::chrono::seconds> Age(const sampling::CollectorState& state) const;
  // Its last run failed with the connection that all collectors on SQL share: said once, and not of each.
  bool FailedWithConnection(const sampling::CollectorState& state) const;
  // The wire collectors have nothing to see there.
  bool OverUnixSocket() const;
};

// "1 connection", "3 connections".
std::string Counted(std::size_t count, std::string_view thing);
// "12 s", "5 min", "3 h", "4 d".
std::string AgeText(std::chrono::seconds age);
// "insufficient_privilege: the role …"
std::string FailureText(const sampling::Failure& failure);
// How serious it is that something ends then, by the thresholds of the alerts.
Level LevelOfEnd(std::chrono::sys_seconds end, std::chrono::sys_seconds now);
// Of a chain that was not verified: is it broken, or only not known here?
Level ChainLevel(const std::vector<std::string_view>& errors);

ConnectionCounts CountsOf(const sessions::Summary& summary);
// All that is to be said of a server, the worst first.
std::vector<Remark> RemarksOn(const ServerFacts& facts);

}  // namespace pgtls::status
