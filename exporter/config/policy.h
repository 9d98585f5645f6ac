// The `policy:` section, and the address forms of the configuration.
#pragma once

#include "exporter/config/config.h"
#include "exporter/config/yaml.h"

namespace pgtls::config {

// All throw ConfigError at the node's position.
Policy ParsePolicy(const Node& node);
// "db.example.com:5432", "[::1]:5432", or a host alone (5432).
HostPort ParseHostPort(const Node& node);
// "10.0.0.0/8:5432", "[fd00::/8]:5432", "*.db.example.com:5432", "db9:*". The port is needed: it is what a probe may
// knock at.
AllowedTarget ParseAllowedTarget(const Node& node);

}  // namespace pgtls::config
