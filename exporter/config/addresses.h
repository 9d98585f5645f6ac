// The forms in which the configuration names addresses.
#pragma once

#include "exporter/config/config.h"
#include "exporter/config/yaml.h"

namespace pgtls::config {

// Both throw ConfigError at the node's position.
// "db.example.com:5432", "[::1]:5432", or a host alone (5432).
HostPort ParseHostPort(const Node& node);
// "10.0.0.0/8:5432", "[fd00::/8]:5432", "*.db.example.com:5432", "db9:*". The port is required: it limits where a probe
// may connect to.
AllowedTarget ParseAllowedTarget(const Node& node);
// A list of host names, as a client sends them for SNI (RFC 6066, 3): no addresses, no wildcards, none twice, at most
// kMostEndpointNames.
std::vector<std::string> ParseHostNames(const Node& node);

// Each costs a handshake in every run.
inline constexpr std::size_t kMostEndpointNames = 32;

}  // namespace pgtls::config
