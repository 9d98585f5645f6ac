#include "collectors/log_evidence.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "exporter/base/net_address.h"

namespace pgtls::collectors {
namespace {

using serverlog::Connection;
using serverlog::ServerTime;

// Before this process, another one of the exporter may have been logged in.
const serverlog::SteadyTime kProcessStart = std::chrono::steady_clock::now();

// What a session that this rule admits must be; absent if it may be several things.
std::optional<Encryption> RequiredBy(const hba::Rule& rule) {
  switch (rule.type) {
    case hba::RuleType::kHostSsl:
      return Encryption::kTls;
    case hba::RuleType::kHostGssEnc:
      return Encryption::kGss;
    case hba::RuleType::kHostNoSsl:
      return Encryption::kNone;
    case hba::RuleType::kHost:
    case hba::RuleType::kHostNoGssEnc:
    case hba::RuleType::kLocal:
      break;
  }
  return std::nullopt;
}

}  // namespace

LogEvidence::LogEvidence(const sampling::Context& context, const postgres::LogSettings& settings,
                         serverlog::SteadyTime now)
    : context_(context), settings_(settings), now_(now) {
  const sampling::Facts facts = context.facts();
  posture_ = facts.Get<hba::Posture>();
  open_ = facts.Get<sessions::OpenBackends>();
  if (open_ == nullptr) return;
  for (const sessions::OpenBackend& backend : open_->backends) by_pid_[backend.pid] = &backend;
}

bool LogEvidence::IsOwn(const Connection& connection, std::optional<ServerTime> at) const {
  const auto local = [&](ServerTime time) {
    return now_ - std::chrono::duration_cast<Deadline::duration>(settings_.now - time);
  };
  if (const auto start = connection.session_start_s) at = ServerTime(std::chrono::seconds(*start));
  if (!at) return false;
  if (local(*at) < kProcessStart) return context_.peer && connection.user == context_.peer->user;
  sampling::LoggedConnection logged{.cluster = context_.cluster, .pid = connection.pid, .user = connection.user};
  const auto address = IpAddress::Parse(connection.host);
  if (address && connection.port) logged.from = db::SocketAddress{*address, *connection.port};
  logged.earliest = local(*at) - (connection.session_start_s ? std::chrono::minutes(0) : serverlog::kLongestLogin);
  logged.latest = local(*at) + std::chrono::seconds(1);
  return context_.own_backends.IsOwn(logged);
}

std::optional<Encryption> LogEvidence::ByRule(const serverlog::Authenticated& authenticated,
                                              std::optional<ServerTime> at) const {
  if (posture_ == nullptr || posture_->in_force.rules == nullptr || !at) return std::nullopt;
  // A session that began after the load has its time to the microsecond. Later ones have another.
  constexpr double kMillisecond = 0.001;
  constexpr double kSecond = 1;
  const double load_time = posture_->in_force.load_time;
  const double written = std::chrono::duration<double>(at->time_since_epoch()).count();
  if (std::abs(settings_.load_time - load_time) > kMillisecond || written < load_time + kSecond) return std::nullopt;
  const auto& rules = posture_->in_force.rules->rules;
  const auto rule = std::ranges::find_if(rules, [&](const hba::Rule& one) {
    return one.line == authenticated.line && one.file == authenticated.file && one.method == authenticated.method;
  });
  return rule == rules.end() ? std::nullopt : RequiredBy(*rule);
}

std::optional<Encryption> LogEvidence::BySample(const Connection& connection, std::optional<ServerTime> at) const {
  const auto found = by_pid_.find(connection.pid);
  if (found == by_pid_.end() || !at) return std::nullopt;
  const sessions::OpenBackend& backend = *found->second;
  const ServerTime started(std::chrono::milliseconds(backend.start_us / 1000));
  if (connection.session_start_s) {
    const auto start_s = std::chrono::floor<std::chrono::seconds>(started).time_since_epoch().count();
    return *connection.session_start_s == start_s ? backend.encryption : std::nullopt;
  }
  // Pids are used again, within seconds on a busy machine: the client's port must be the same, too.
  const bool same_port = connection.port && backend.client_port > 0 && *connection.port == backend.client_port;
  const bool same_time = started <= *at && *at - started < serverlog::kLongestLogin;
  return same_port && same_time ? backend.encryption : std::nullopt;
}

}  // namespace pgtls::collectors
