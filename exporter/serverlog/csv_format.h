// csvlog: comma-separated fields, texts in double quotes, which may have newlines.
#pragma once

#include <optional>
#include <string_view>

#include "exporter/serverlog/record.h"

namespace pgtls::serverlog {

// nullopt: not a record of csvlog.
std::optional<Record> ParseCsv(std::string_view raw);

}  // namespace pgtls::serverlog
