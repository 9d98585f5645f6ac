// The base of collectors that run one query and render its rows.
#pragma once

#include <span>
#include <string_view>

#include "exporter/sampling/collector.h"

namespace pgtls::sampling {

// A query for servers of this version and later.
struct VersionedSql {
  int min_version;  // 160000
  std::string_view sql;
};

// The first entry (newest first) that the server is new enough for. Throws Error where none is.
std::string_view SqlFor(std::span<const VersionedSql> versions, int server_version);

}  // namespace pgtls::sampling
