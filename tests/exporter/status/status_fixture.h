// Servers for the status page, by hand.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "exporter/sessions/summary.h"
#include "exporter/status/page.h"
#include "exporter/status/view.h"
#include "exporter/tls/endpoint_facts.h"
#include "exporter/tls/inventory.h"

namespace pgtls::status {

constexpr std::chrono::sys_seconds kNow{std::chrono::seconds(1'800'000'000)};  // 2027-01-15 08:00:00 UTC

// A server whose collectors have all looked ten seconds ago and found nothing wrong, then as a test changes it.
class ServerBuilder {
 public:
  explicit ServerBuilder(std::string name = "db") {
    snapshot_.name = std::move(name);
    snapshot_.up = true;
    snapshot_.connection = sampling::OwnConnection{"verify-full", "tls", "TLSv1.3", "TLS_AES_256_GCM_SHA384", {}, {}};
    for (const char* collector : {"sessions", "settings", "hba", "links", "endpoint", "certificates"}) {
      snapshot_.collectors.push_back({.name = collector,
                                      .interval = std::chrono::seconds(15),
                                      .result = std::make_shared<sampling::CollectorResult>(),
                                      .last_success = kNow - std::chrono::seconds(10)});
    }
    sessions::Summary sessions;
    sessions.connections[{Network::kRemote, Encryption::kTls}] = 4;
    Publish("sessions", std::move(sessions));
    tls::EndpointFacts endpoint;
    endpoint.reachable = true;
    endpoint.ssl_answer = tls::Answer::kYes;
    endpoint.handshake = true;
    endpoint.chain_errors.emplace();
    endpoint.hostname_ok = true;
    endpoint.sslmodes.fill({true, true});
    endpoint.sslmodes[0] = {false, std::nullopt};
    Publish("endpoint", std::move(endpoint));
    tls::CertificateInventory inventory;
    inventory.served.push_back(Certificate("CN=" + snapshot_.name, std::chrono::days(300)));
    Publish("certificates", std::move(inventory));
  }

  static tls::CertificateFacts Certificate(const std::string& subject, std::chrono::seconds left) {
    tls::CertificateFacts facts;
    facts.not_before = kNow - std::chrono::days(100);
    facts.not_after = kNow + left;
    facts.subject = subject;
    facts.fingerprint_sha256 = subject;
    return facts;
  }

  template <typename F>
  ServerBuilder& Change(const std::string& collector, F change) {
    for (auto& state : snapshot_.collectors) {
      if (state.name != collector) continue;
      auto result = std::make_shared<sampling::CollectorResult>(*state.result);
      change(*result, state);
      state.result = std::move(result);
    }
    return *this;
  }
  template <typename T>
  ServerBuilder& Publish(const std::string& collector, T fact) {
    return Change(collector, [&](auto& result, auto&) {
      result.facts.template Publish<T>(std::make_shared<const T>(std::move(fact)));
    });
  }
  // A change of a fact that is there.
  template <typename T, typename F>
  ServerBuilder& Edit(const std::string& collector, F change) {
    T fact = *snapshot_.facts().Get<T>();
    change(fact);
    return Publish(collector, std::move(fact));
  }
  ServerBuilder& Fail(const std::string& collector, FailureReason reason, const std::string& message) {
    return Change(collector, [&](auto& result, auto&) {
      result = {};
      result.failure = sampling::Failure{reason, message};
    });
  }
  ServerBuilder& Down(const std::string& message) {
    for (const char* collector : {"sessions", "settings", "hba", "links"}) {
      Fail(collector, FailureReason::kConnection, message);
      Change(collector, [](auto& result, auto&) { result.failed_with_connection = true; });
    }
    snapshot_.up = false;
    snapshot_.connection.reset();
    snapshot_.connection_failure = sampling::Failure{FailureReason::kConnection, message};
    return *this;
  }
  ServerBuilder& Unencrypted(sessions::UnencryptedGroup group) {
    return Edit<sessions::Summary>("sessions", [&](auto& summary) {
      summary.connections[{group.network, Encryption::kNone}] += group.connections;
      summary.unencrypted.push_back(group);
    });
  }
  sampling::ServerSnapshot& snapshot() { return snapshot_; }
  sampling::SharedSnapshot Shared() const { return std::make_shared<const sampling::ServerSnapshot>(snapshot_); }

 private:
  sampling::ServerSnapshot snapshot_;
};

inline std::string PageOf(const std::vector<ServerBuilder>& servers, const StatusLimits& limits = {},
                          const StatusFrame& frame = {}) {
  sampling::Snapshots snapshots;
  for (const auto& server : servers) snapshots.push_back(server.Shared());
  return StatusPage(ViewOf(snapshots, kNow, limits), frame);
}

}  // namespace pgtls::status
