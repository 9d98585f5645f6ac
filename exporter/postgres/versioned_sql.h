// Queries by the version of the server that they are for.
#pragma once

#include <span>
#include <string_view>

#include "exporter/db/session.h"

namespace pgtls::postgres {

// A query for servers of this version and later.
struct VersionedSql {
  int min_version;  // 160000
  std::string_view sql;
};

// The first entry (newest first) that the server is new enough for, under this name. Throws Error where none is.
db::Statement StatementFor(const char* name, std::span<const VersionedSql> versions, int server_version);

}  // namespace pgtls::postgres
