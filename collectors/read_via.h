// Where a server's files are read.
#pragma once

#include <string>

#include "exporter/config/collector_schema.h"
#include "exporter/config/yaml.h"

namespace pgtls::collectors {

// On this machine, or through the server's SECURITY DEFINER functions.
enum class ReadVia { kAuto, kLocal, kSql };

// Throws ConfigError at the node's position.
inline ReadVia ReadReadVia(const config::Node& node, config::Files& /*files*/) {
  const std::string text = node.Text();
  if (text == "auto") return ReadVia::kAuto;
  if (text == "local") return ReadVia::kLocal;
  if (text == "sql") return ReadVia::kSql;
  node.Fail("expected auto, local or sql");
}

}  // namespace pgtls::collectors
