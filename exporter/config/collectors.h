// The `collectors:` section of the configuration, global or of one server.
#pragma once

#include <map>
#include <string>

#include "exporter/config/config.h"
#include "exporter/config/yaml.h"

namespace pgtls::config {

using CollectorConfigs = std::map<std::string, CollectorConfig, std::less<>>;

// `defaults` with what `node` says on top. Unknown collectors and keys throw ConfigError.
CollectorConfigs ParseCollectors(const Node& node, CollectorConfigs defaults, const std::string& directory);

// `path` as it is when absolute, else beside the configuration's file. Throws ConfigError at `node` where it cannot be
// read.
std::string ReadablePath(const Node& node, const std::string& directory);

}  // namespace pgtls::config
