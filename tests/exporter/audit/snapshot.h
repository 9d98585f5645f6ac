// What the audit is given, by hand.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "collectors/registry.h"
#include "exporter/audit/check.h"
#include "exporter/audit/findings.h"
#include "tests/exporter/hba/hba_text.h"

namespace pgtls::audit {

constexpr std::chrono::sys_seconds kNow{std::chrono::seconds(1'800'000'000)};  // 2027-01-15 08:00:00 UTC

// A server with all its collectors, of which each has looked and found nothing; then with the facts that a test
// publishes.
class SnapshotBuilder {
 public:
  SnapshotBuilder() {
    snapshot_.name = "db";
    snapshot_.product = "PostgreSQL 18.4";
    snapshot_.up = true;
    for (const sampling::CollectorType* type : collectors::All()) {
      snapshot_.collectors.push_back(
          {.name = std::string(type->name), .type = type, .result = std::make_shared<sampling::CollectorResult>()});
    }
  }
  template <typename T>
  SnapshotBuilder& Publish(T fact) {
    Change("sessions",
           [&](auto& result) { result.facts.template Publish<T>(std::make_shared<const T>(std::move(fact))); });
    return *this;
  }
  template <typename F>
  SnapshotBuilder& Change(const std::string& collector, F change) {
    for (auto& state : snapshot_.collectors) {
      if (state.name != collector) continue;
      auto result = std::make_shared<sampling::CollectorResult>(*state.result);
      change(*result);
      state.result = std::move(result);
    }
    return *this;
  }
  sampling::ServerSnapshot& snapshot() { return snapshot_; }

  Findings Check() const {
    return audit::Check({std::make_shared<const sampling::ServerSnapshot>(snapshot_)}, kNow).front().findings;
  }
  Finding Of(std::string_view id) const {
    for (const Finding& finding : Check()) {
      if (finding.id == id) return finding;
    }
    ADD_FAILURE() << "no " << id;
    return {};
  }
  // "critical ssl_off", in the report's order.
  std::vector<std::string> Ids() const {
    std::vector<std::string> ids;
    for (const Finding& finding : Check())
      ids.push_back(std::string(ToString(finding.severity)) + " " + std::string(finding.id));
    return ids;
  }
  int ExitCode() const {
    return audit::ExitCode(audit::Check({std::make_shared<const sampling::ServerSnapshot>(snapshot_)}, kNow));
  }

 private:
  sampling::ServerSnapshot snapshot_;
};

inline settings::ServerSettings Settings(std::map<std::string, std::string, std::less<>> values) {
  settings::ServerSettings settings;
  settings.server_version = "18.4";
  settings.version_number = 180004;
  settings.complete = true;
  settings.values = std::move(values);
  settings.pending_reload.emplace();
  settings.file_errors.emplace();
  return settings;
}

// A server that answers and shakes hands.
inline tls::EndpointFacts Endpoint() {
  tls::EndpointFacts endpoint;
  endpoint.host = "db.example.com";
  endpoint.address = "10.0.0.1:5432";
  endpoint.reachable = true;
  endpoint.ssl_answer = tls::Answer::kYes;
  endpoint.handshake = true;
  return endpoint;
}

// The rules of a file that is in force.
inline hba::Posture Posture(const std::vector<std::string>& lines, hba::Catalog catalog = {}) {
  hba::Posture posture;
  posture.catalog = std::move(catalog);
  posture.file = std::make_shared<const hba::RuleSet>(hba::Rules(lines));
  posture.has_raw_text = true;
  posture.file_analysis = Analyse(*posture.file, posture.catalog, posture.regexes);
  posture.in_force = {false, posture.file};
  posture.in_force_analysis = posture.file_analysis;
  return posture;
}

}  // namespace pgtls::audit
