// The `collectors:` section of the configuration, global or of one server.
#pragma once

#include <map>
#include <string>

#include "exporter/config/config.h"
#include "exporter/config/yaml.h"

namespace pgtls::config {

using CollectorConfigs = std::map<std::string, CollectorConfig, std::less<>>;

// Where the files that a configuration names are, and those of them that hold a password.
struct Files {
  std::string directory;  // of the configuration, with a final slash
  std::vector<SecretFile> secrets;

  // The path as it is when absolute, else below `directory`. Notes it as one of `secrets`.
  std::string SecretPath(const Node& node);
};

// `defaults` with what `node` says on top. Unknown collectors and keys throw ConfigError.
CollectorConfigs ParseCollectors(const Node& node, CollectorConfigs defaults, Files& files);

}  // namespace pgtls::config
