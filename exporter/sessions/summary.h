// The result of one collection, as a fact for the audit and the status page.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
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

// TLS connections that do not meet policy.require for the same reason.
struct ViolatingGroup {
  std::string database;
  std::string user;
  ShownClient client;
  std::string_view reason;  // of kViolationReasons
  bool allowed = false;
  std::size_t connections = 0;
};

struct Summary {
  // Open connections, without pairs that have none.
  std::map<std::pair<Network, std::optional<Encryption>>, std::size_t> connections;
  std::vector<UnencryptedGroup> unencrypted;
  bool required = false;  // whether policy.require has entries
  std::vector<ViolatingGroup> violating;
  bool violations_unknown = false;  // of some connections
  // Whether the encryption of some connection is unknown: then it is not known either that none is unencrypted.
  bool HasUnknown() const {
    return std::ranges::any_of(connections, [](const auto& kind) { return !kind.first.second; });
  }
  // backend_start of the oldest remote one that is not allowed, in microseconds since the epoch.
  std::optional<std::int64_t> oldest_unencrypted_us;
};

}  // namespace pgtls::sessions
