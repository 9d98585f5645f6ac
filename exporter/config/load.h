// From a YAML file, or one conninfo, to a Config. All or nothing.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "exporter/config/config.h"

namespace pgtls::config {

// The keywords that a conninfo itself sets, as libpq reads it. Throws ConfigError (without a position) for one that
// libpq does not understand.
using ConninfoCheck = std::function<std::set<std::string>(const std::string& conninfo)>;

// Blocks on files. Throws ConfigError, with file:line:column wherever a place in the file is at fault.
Config LoadFile(const std::string& path, const ConninfoCheck& check);

// As LoadFile, for a file's content. Password files are looked for, relative ones beside `path`.
Config Parse(const std::string& path, const std::string& content, const ConninfoCheck& check);

// One server with everything at its default.
Config ForConninfo(const std::string& name, const std::string& conninfo);

}  // namespace pgtls::config
