// The `policy:` section.
#pragma once

#include "exporter/config/config.h"
#include "exporter/config/yaml.h"

namespace pgtls::config {

// Throws ConfigError at the node's position.
Policy ParsePolicy(const Node& node);

}  // namespace pgtls::config
