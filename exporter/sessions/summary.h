// What one collection found, as a fact for those who judge it: the audit and the status page.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "exporter/sessions/session.h"
#include "exporter/sessions/shown_client.h"

namespace pgtls::sessions {

// Unencrypted TCP connections that have these in common. If the cap folded them, the names are kOther.
struct UnencryptedGroup {
  std::string database;  // empty for physical replication
  std::string user;
  ShownClient client;
  std::string application_name;
  Network network = Network::kRemote;
  bool allowed = false;
  std::size_t connections = 0;
};

struct Summary {
  // Open connections; a pair without any is not there.
  std::map<std::pair<Network, Encryption>, std::size_t> connections;
  std::vector<UnencryptedGroup> unencrypted;
  // How a connection is protected is not known: that none is unencrypted is not either.
  bool HasUnknown() const {
    return std::ranges::any_of(connections, [](const auto& kind) { return kind.first.second == Encryption::kUnknown; });
  }
  // backend_start of the oldest remote one that is not allowed, in microseconds since the epoch.
  std::optional<std::int64_t> oldest_unencrypted_us;
};

}  // namespace pgtls::sessions
