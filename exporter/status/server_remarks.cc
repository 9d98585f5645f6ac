#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include "exporter/status/server_facts.h"

namespace pgtls::status {
namespace {

using Remarks = std::vector<Remark>;

void AddCollectors(const ServerFacts& facts, Remarks& remarks) {
  const auto& snapshot = facts.snapshot;
  const auto& lost = snapshot.connection_failure;
  if (lost) remarks.push_back({Level::kBad, "cannot log in: " + FailureText(*lost)});
  if (facts.Collector("sessions") == nullptr)
    remarks.push_back({Level::kUnknown, "sessions are not checked: the collector is disabled"});
  std::vector<std::string> parts;
  for (const auto& collector : snapshot.collectors) {
    const auto& result = collector.result;
    if (!result && !snapshot.up) continue;
    if (result && result->unsupported) continue;
    if (facts.FailedWithConnection(collector)) continue;
    const std::string why = facts.WhyUnknown(collector.name);
    if (!why.empty()) remarks.push_back({Level::kUnknown, collector.name + " not known: " + why});
    if (!result) continue;
    for (const auto& part : result->incomplete) parts.push_back(collector.name + " " + part.part);
  }
  if (parts.empty()) return;
  for (auto& part : parts) std::ranges::replace(part, '_', ' ');
  remarks.push_back({Level::kNote, fmt::format("not checked: {}", fmt::join(parts, ", "))});
}

void AddSessions(const ServerFacts& facts, Remarks& remarks) {
  if (!facts.sessions) return;
  const ConnectionCounts counts = CountsOf(*facts.sessions);
  if (counts.remote > 0)
    remarks.push_back({Level::kBad, Counted(counts.remote, "unencrypted connection") + " from other machines"});
  if (counts.loopback > 0)
    remarks.push_back({Level::kWarning, Counted(counts.loopback, "unencrypted connection") + " over loopback"});
  if (counts.allowed > 0)
    remarks.push_back({Level::kNote, Counted(counts.allowed, "unencrypted connection") + " that the policy allows"});
}

void AddWire(const ServerFacts& facts, Remarks& remarks) {
  if (!facts.endpoint) return;
  const tls::EndpointFacts& endpoint = *facts.endpoint;
  const std::string why = facts.WhyWireUnknown();
  if (!why.empty()) remarks.push_back({Level::kUnknown, "wire not known: " + why});
  if (!endpoint.reachable) return;
  if (endpoint.ssl_answer == tls::Answer::kNo) remarks.push_back({Level::kBad, "the server refuses TLS on the wire"});
  if (endpoint.ssl_answer == tls::Answer::kYes && endpoint.handshake == false)
    remarks.push_back({Level::kBad, "no TLS handshake succeeds"});
  if (endpoint.plaintext_accepted == true)
    remarks.push_back({Level::kWarning, "an unencrypted connection from here gets to authentication"});
  if (endpoint.chain_errors && !endpoint.chain_errors->empty()) {
    remarks.push_back({ChainLevel(*endpoint.chain_errors),
                       fmt::format("certificate not verified: {}", fmt::join(*endpoint.chain_errors, ", "))});
  }
  if (endpoint.hostname_ok == false)
    remarks.push_back({Level::kWarning, "the certificate is not for " + endpoint.host});
  for (const auto& [version, accepted] : endpoint.protocols) {
    if (accepted && (version == "TLSv1" || version == "TLSv1.1"))
      remarks.push_back({Level::kWarning, fmt::format("{} is accepted", version)});
  }
}

void AddNextStart(const tls::CertificateInventory& inventory, Remarks& remarks) {
  if (!inventory.next_start || inventory.next_start->failures.empty()) return;
  std::vector<std::string> causes;
  for (const tls::StartFailure& failure : inventory.next_start->failures)
    causes.push_back(fmt::format("{} ({})", failure.path.empty() ? failure.role : failure.path, failure.reason));
  remarks.push_back({Level::kBad, fmt::format("the next start of the server fails: {}", fmt::join(causes, ", "))});
}

void AddClientAuthorities(const tls::CertificateInventory& inventory, Remarks& remarks) {
  if (!inventory.clients) return;
  const tls::ClientTrust& clients = *inventory.clients;
  const auto refused = static_cast<std::size_t>(std::ranges::count_if(
      clients.authorities, [](const tls::ClientAuthority& authority) { return !authority.refusals.empty(); }));
  if (clients.NoneAccepted()) {
    remarks.push_back({Level::kBad, "the server refuses every client certificate"});
  } else if (refused > 0 && !clients.IsCollection()) {
    remarks.push_back({Level::kBad, fmt::format("the server refuses the client certificates of {} {}", refused,
                                                refused == 1 ? "authority" : "authorities")});
  }
}

void AddCertificates(const ServerFacts& facts, Remarks& remarks) {
  if (!facts.certificates) return;
  const tls::CertificateInventory& inventory = *facts.certificates;
  if (!inventory.served.empty() && inventory.served[0].not_after) {
    const auto left = *inventory.served[0].not_after - facts.now;
    const Level level = LevelOfEnd(*inventory.served[0].not_after, facts.now);
    if (left <= std::chrono::seconds(0)) {
      remarks.push_back({level, "the certificate has expired"});
    } else if (level != Level::kGood) {
      remarks.push_back(
          {level, "the certificate expires in " +
                      Counted(static_cast<std::size_t>(std::chrono::floor<std::chrono::days>(left).count()), "day")});
    }
  }
  if (!inventory.served.empty() && inventory.served[0].not_before && *inventory.served[0].not_before > facts.now)
    remarks.push_back({Level::kBad, "the certificate is not valid yet"});
  if (inventory.served_matches_file == false)
    remarks.push_back({Level::kWarning, "the certificate that is served is not the one in its file"});
  AddNextStart(inventory, remarks);
  AddClientAuthorities(inventory, remarks);
}

void AddRules(const ServerFacts& facts, Remarks& remarks) {
  if (facts.hba) {
    const hba::Posture& posture = *facts.hba;
    if (!posture.file->errors.empty()) {
      remarks.push_back({Level::kBad, "PostgreSQL refuses pg_hba.conf"});
    } else if (posture.in_force.pending == true) {
      remarks.push_back({Level::kWarning, "a change of pg_hba.conf waits for a reload"});
    }
    if (posture.PlaintextAdmitted(hba::Network::kRemote) == true)
      remarks.push_back({Level::kWarning, "pg_hba.conf admits plaintext from other machines"});
  }
  if (facts.settings) {
    const settings::ServerSettings& settings = *facts.settings;
    if (settings.Get("ssl") == "off" && !facts.OverUnixSocket())
      remarks.push_back({Level::kBad, "TLS is off (ssl = off)"});
    if (!settings.pending_restart.empty())
      remarks.push_back({Level::kNote, Counted(settings.pending_restart.size(), "setting") + " waiting for a restart"});
    if (settings.pending_reload && !settings.pending_reload->empty())
      remarks.push_back({Level::kNote, Counted(settings.pending_reload->size(), "setting") + " waiting for a reload"});
  }
}

}  // namespace

std::vector<Remark> RemarksOn(const ServerFacts& facts) {
  Remarks remarks;
  AddCollectors(facts, remarks);
  AddSessions(facts, remarks);
  AddWire(facts, remarks);
  AddCertificates(facts, remarks);
  AddRules(facts, remarks);
  // Equals stay in their order.
  Remarks sorted;
  for (const Level level : {Level::kBad, Level::kUnknown, Level::kWarning, Level::kNote, Level::kGood})
    std::ranges::copy_if(remarks, std::back_inserter(sorted),
                         [&](const auto& remark) { return remark.level == level; });
  return sorted;
}

}  // namespace pgtls::status
