// What the log collector counts: sessions, refusals, failed handshakes and authentications since the exporter follows
// the log.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "exporter/base/protection.h"
#include "exporter/metrics/series_cap.h"
#include "exporter/serverlog/connections.h"
#include "exporter/serverlog/counters.h"
#include "exporter/sessions/exemptions.h"

namespace pgtls::serverlog {

using metrics::kOther;

struct SessionKey {
  std::string database;
  std::string user;
  Network network;
  std::optional<Encryption> encryption;  // absent: not known

  SessionKey Folded() const { return {std::string(kOther), std::string(kOther), network, encryption}; }
  friend auto operator<=>(const SessionKey&, const SessionKey&) = default;
};

// An unencrypted session over TCP.
struct ClientKey {
  std::string database;
  std::string user;
  std::string client_addr;
  std::string application_name;
  Network network;
  bool allowed;

  ClientKey Folded() const {
    const std::string other(kOther);
    return {other, other, other, other, network, allowed};
  }
  friend auto operator<=>(const ClientKey&, const ClientKey&) = default;
};

struct RejectionKey {
  std::string database;
  std::string user;
  std::string client_addr;
  Encryption encryption;
  bool no_entry;

  RejectionKey Folded() const {
    const std::string other(kOther);
    return {other, other, other, encryption, no_entry};
  }
  friend auto operator<=>(const RejectionKey&, const RejectionKey&) = default;
};

struct RuleKey {
  std::string method;
  std::string file;
  int line;

  RuleKey Folded() const { return {std::string(kOther), std::string(kOther), 0}; }
  friend auto operator<=>(const RuleKey&, const RuleKey&) = default;
};

// Where a connection came from, by the log's text. A host name (log_hostname), and a host that is not known, count as
// remote.
Network NetworkOf(const Connection& connection);

struct Counts {
  using ByNetwork = std::map<std::pair<Network, bool>, std::size_t>;

  Counters<SessionKey> sessions;
  WindowCounts<ClientKey> unencrypted_clients;
  WindowCounts<SessionKey> recent;  // sessions, within the window
  ByNetwork unencrypted = {{{Network::kLoopback, false}, 0},
                           {{Network::kLoopback, true}, 0},
                           {{Network::kRemote, false}, 0},
                           {{Network::kRemote, true}, 0}};
  Counters<RejectionKey> rejections;
  std::map<std::string_view, std::size_t> handshake_failures;  // all reasons, from the start
  Counters<RuleKey> authentications;
  std::size_t contradictions = 0;
  std::size_t gaps = 0;

  Counts();
};

struct CountLimits {
  SteadyTime now;
  SteadyTime at;  // when it happened
  std::chrono::seconds window{3600};
  std::size_t max_series = 0;
};

void CountSession(const LoggedSession& session, std::optional<Encryption> encryption,
                  const sessions::Exemptions& exemptions, const CountLimits& limits, Counts& counts);
void CountRejection(const LoggedRejection& rejection, const CountLimits& limits, Counts& counts);
void CountAuthentication(const LoggedAuthentication& authentication, const CountLimits& limits, Counts& counts);

}  // namespace pgtls::serverlog
