#include "exporter/status/server_facts.h"

#include <fmt/format.h>

#include <algorithm>

#include "exporter/audit/findings.h"
#include "exporter/audit/thresholds.h"
#include "exporter/base/date.h"

namespace pgtls::status {
const sampling::CollectorState* ServerFacts::Collector(std::string_view name) const {
  const auto found = std::ranges::find(snapshot.collectors, name, &sampling::CollectorState::name);
  return found == snapshot.collectors.end() ? nullptr : &*found;
}

std::string ServerFacts::WhyUnknown(std::string_view collector) const {
  const sampling::CollectorState* state = Collector(collector);
  if (state == nullptr) return "this collector is disabled";
  if (!state->result) return "not checked yet";
  if (state->result->unsupported) return "nothing to check " + state->result->unsupported->where;
  if (state->result->failure) return audit::FailureText(*state->result->failure);
  if (collector == "sessions" && !sessions) return "no data";
  if (audit::IsStale(*state, now)) return fmt::format("last success {} ago", AgeText(*audit::AgeOf(*state, now)));
  return "";
}

std::string ServerFacts::WhyWireUnknown() const {
  if (!endpoint) return "";
  if (!endpoint->reachable) return "no TCP connection to " + endpoint->address;
  switch (endpoint->ssl_answer.value_or(tls::Answer::kNone)) {
    case tls::Answer::kYes:
    case tls::Answer::kNo:
      return "";
    case tls::Answer::kError:
      return "the server answered the request for TLS with an error";
    case tls::Answer::kNone:
      break;
  }
  return "the server did not answer the request for TLS";
}

bool ServerFacts::FailedWithConnection(const sampling::CollectorState& state) const {
  return snapshot.connection_failure && state.result && state.result->failed_with_connection;
}

Level LevelOf(audit::Severity severity) {
  switch (severity) {
    case audit::Severity::kCritical:
      return Level::kBad;
    case audit::Severity::kWarning:
      return Level::kWarning;
    case audit::Severity::kNote:
      return Level::kNote;
    case audit::Severity::kFine:
      break;
  }
  return Level::kGood;
}

Level LevelOf(const audit::Finding& finding) {
  const Level level = LevelOf(finding.severity);
  return finding.unknown && level == Level::kWarning ? Level::kUnknown : level;
}

Level LevelOf(const audit::Findings& findings) {
  Level worst = Level::kGood;
  for (const auto& finding : findings) worst = std::max(worst, LevelOf(finding));
  return worst;
}

ConnectionCounts CountsOf(const sessions::Summary& summary) {
  ConnectionCounts counts;
  for (const auto& [kind, count] : summary.connections) {
    const auto [network, encryption] = kind;
    if (encryption == Encryption::kTls) counts.tls += count;
    if (encryption == Encryption::kGss) counts.gss += count;
    if (encryption != Encryption::kNone) continue;
    (network == Network::kLocal      ? counts.local
     : network == Network::kLoopback ? counts.loopback
                                     : counts.remote) += count;
  }
  for (const auto& group : summary.unencrypted) {
    if (!group.allowed) continue;
    counts.allowed += group.connections;
    auto& among = group.network == Network::kLoopback ? counts.loopback : counts.remote;
    among -= std::min(among, group.connections);
  }
  return counts;
}

Level LevelOf(const ConnectionCounts& counts, const ServerFacts& facts) {
  if (counts.remote > 0) return LevelOf(audit::kRemotePlaintext);
  return counts.loopback > 0 ? LevelOf(audit::LoopbackPlaintext(facts.snapshot.loopback)) : Level::kGood;
}

}  // namespace pgtls::status
