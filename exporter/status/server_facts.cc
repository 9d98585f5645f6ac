#include "exporter/status/server_facts.h"

#include <fmt/format.h>

#include <algorithm>

namespace pgtls::status {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

// As the alerts have it: three intervals without a result. Short intervals get the time that a busy machine takes.
bool IsOld(const sampling::CollectorState& state, std::optional<seconds> age) {
  return age && *age > std::max<std::chrono::milliseconds>(3 * state.interval, seconds(30));
}

}  // namespace

const sampling::CollectorState* ServerFacts::Collector(std::string_view name) const {
  const auto found = std::ranges::find(snapshot.collectors, name, &sampling::CollectorState::name);
  return found == snapshot.collectors.end() ? nullptr : &*found;
}

std::string ServerFacts::WhyUnknown(std::string_view collector) const {
  const sampling::CollectorState* state = Collector(collector);
  if (state == nullptr) return "this collector is disabled";
  if (!state->result) return "not checked yet";
  if (state->result->unsupported) return "nothing to check " + state->result->unsupported->where;
  if (state->result->failure) return FailureText(*state->result->failure);
  if (collector == "sessions" && !sessions) return "no answer";
  const auto age = Age(*state);
  if (IsOld(*state, age)) return fmt::format("last seen {} ago", AgeText(*age));
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

std::optional<seconds> ServerFacts::Age(const sampling::CollectorState& state) const {
  if (!state.last_success) return std::nullopt;
  return std::max(seconds(0), now - std::chrono::floor<seconds>(*state.last_success));
}

bool ServerFacts::FailedWithConnection(const sampling::CollectorState& state) const {
  return snapshot.connection_failure && state.result && state.result->failed_with_connection;
}

bool ServerFacts::OverUnixSocket() const {
  const auto* state = Collector("endpoint");
  return state != nullptr && state->result && state->result->unsupported;
}

std::string Counted(std::size_t count, std::string_view thing) {
  return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

std::string AgeText(seconds age) {
  if (age < minutes(2)) return fmt::format("{} s", age.count());
  if (age < hours(2)) return fmt::format("{} min", std::chrono::floor<minutes>(age).count());
  if (age < days(2)) return fmt::format("{} h", std::chrono::floor<hours>(age).count());
  return fmt::format("{} d", std::chrono::floor<days>(age).count());
}

std::string FailureText(const sampling::Failure& failure) {
  // libpq's messages have lines and tabs: on the page they are one.
  std::string text = fmt::format("{}: {}", ToString(failure.reason), failure.message);
  std::ranges::replace_if(text, [](char c) { return c == '\n' || c == '\t'; }, ' ');
  const auto end = std::ranges::unique(text, [](char x, char y) { return x == ' ' && y == ' '; });
  text.erase(end.begin(), end.end());
  return text;
}

Level LevelOfEnd(std::chrono::sys_seconds end, std::chrono::sys_seconds now) {
  if (end - now <= days(7)) return Level::kBad;
  return end - now <= days(30) ? Level::kWarning : Level::kGood;
}

Level ChainLevel(const std::vector<std::string_view>& errors) {
  const bool broken = std::ranges::any_of(errors, [](std::string_view error) {
    return error == "expired" || error == "revoked" || error == "bad_signature";
  });
  return broken ? Level::kBad : Level::kWarning;
}

ConnectionCounts CountsOf(const sessions::Summary& summary) {
  using sessions::Encryption;
  using sessions::Network;
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

}  // namespace pgtls::status
