// jsonlog: one object on each line.
#pragma once

#include <optional>
#include <string_view>

#include "exporter/serverlog/record.h"

namespace pgtls::serverlog {

// nullopt: not a record of jsonlog.
std::optional<Record> ParseJson(std::string_view line);

}  // namespace pgtls::serverlog
