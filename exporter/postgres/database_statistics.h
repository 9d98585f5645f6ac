// pg_stat_database: how many sessions the server itself has counted.
#pragma once

#include <optional>

#include "exporter/db/session.h"
#include "exporter/sessions/statistics.h"

namespace pgtls::postgres {

// nullopt: before PostgreSQL 14, which does not count sessions.
std::optional<db::Statement> DatabaseStatisticsStatement(int server_version);
sessions::Statistics DatabaseStatisticsOf(const db::Result& rows);

}  // namespace pgtls::postgres
