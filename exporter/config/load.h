// From a YAML file, or one conninfo, to a Config. All or nothing.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "exporter/config/collector_schema.h"
#include "exporter/config/config.h"
#include "exporter/config/shard.h"

namespace pgtls::config {

// The keywords that a conninfo itself sets, as libpq reads it. Throws ConfigError (without a position) for one that
// libpq does not understand.
using ConninfoCheck = std::function<std::set<std::string>(const std::string& conninfo)>;

// Blocks on files. Throws ConfigError, with file:line:column wherever a place in the file is at fault; UnavailableError
// where the file itself cannot be read. Every server of the file is checked, and those that `shard` has are returned.
Config LoadFile(const std::string& path, const CollectorSchemas& collectors, const ConninfoCheck& check,
                const Shard& shard = {});

// As LoadFile, for a file's content.
Config Parse(const std::string& path, const std::string& content, const CollectorSchemas& collectors,
             const ConninfoCheck& check, const Shard& shard = {});

// These servers, {name, conninfo} each, with everything at its default.
Config ForServers(const std::vector<std::pair<std::string, std::string>>& servers, const CollectorSchemas& collectors);

// Why this file cannot be read now, with its path; nullopt where it can.
std::optional<std::string> WhyUnreadable(const SecretFile& file);

}  // namespace pgtls::config
