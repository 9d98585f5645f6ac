// Debian's prometheus-postgres-exporter beside this one: started with one custom query, the one that this one sends.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/support/process.h"

namespace pgtls::bench {

// The statement of the sessions collector as it sends it. It has no parameter.
std::string SessionsSql();

// A query as postgres_exporter wants it: no parameters, and what each column is.
std::string CustomQuery(const std::string& sql, const std::vector<std::string>& labels, const std::string& value);
// The sessions query, a series a session.
std::string SessionRowsQuery();

// What it does: the custom query alone, or all that it does by default beside it.
enum class Scope { kSessions, kDefault };

// The releases of Debian 12 and of sid.
enum class PostgresExporterRelease { k0_11, k0_19 };

struct PostgresExporter {
  // `data_sources`: comma-separated connection strings.
  PostgresExporter(PostgresExporterRelease release, const std::string& queries, Scope scope,
                   const std::string& data_sources);

  support::TempDir dir;
  int port;
  support::Process process;
};

}  // namespace pgtls::bench
