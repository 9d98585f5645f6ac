// The `collectors:` section of the configuration, global or of one server.
#pragma once

#include <string>
#include <vector>

#include "exporter/config/collector_schema.h"
#include "exporter/config/config.h"
#include "exporter/config/yaml.h"

namespace pgtls::config {

// Where the files that a configuration names are, and those of them that hold a password.
struct Files {
  std::string directory;  // of the configuration, with a final slash
  std::vector<SecretFile> secrets;

  // The path as it is when absolute, else below `directory`.
  std::string Path(const Node& node) const;
  // As Path(); notes it as one of `secrets`.
  std::string SecretPath(const Node& node);
};

// Every collector at its defaults.
CollectorConfigs DefaultCollectors(const CollectorSchemas& schemas);

// `defaults` with what `node` says on top. Unknown collectors and keys throw ConfigError.
CollectorConfigs ParseCollectors(const Node& node, CollectorConfigs defaults, const CollectorSchemas& schemas,
                                 Files& files);

}  // namespace pgtls::config
