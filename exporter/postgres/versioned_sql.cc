#include "exporter/postgres/versioned_sql.h"

#include <fmt/format.h>

#include "exporter/base/error.h"

namespace pgtls::postgres {

db::Statement StatementFor(const char* name, std::span<const VersionedSql> versions, int server_version) {
  for (const auto& [min_version, sql] : versions) {
    if (server_version >= min_version) return {name, sql};
  }
  throw Error(FailureReason::kError,
              fmt::format("PostgreSQL {} is older than this collector knows", server_version / 10000));
}

}  // namespace pgtls::postgres
