#include "exporter/postgres/database_statistics.h"

#include "exporter/base/error.h"

namespace pgtls::postgres {
namespace {

constexpr int kCountsSessions = 140000;

// Those with the most sessions first, which is whom the cap on series leaves their names. The background writer's
// statistics are never reset for one database alone: they tell when all of them began. The row without a database is of
// shared tables.
const db::Statement kStatement = {"database_statistics", R"(
SELECT d.datid,
       d.datname,
       d.sessions,
       d.xact_commit AS commits,
       (extract(epoch FROM d.stats_reset) * 1000000)::pg_catalog.int8 AS reset_us,
       (SELECT (extract(epoch FROM b.stats_reset) * 1000000)::pg_catalog.int8
        FROM pg_catalog.pg_stat_bgwriter b) AS began_us,
       (extract(epoch FROM pg_catalog.pg_stat_get_snapshot_timestamp()) * 1000000)::pg_catalog.int8 AS taken_us
FROM pg_catalog.pg_stat_database d
WHERE d.datname IS NOT NULL
ORDER BY d.sessions DESC, d.datid
)"};

}  // namespace

std::optional<db::Statement> DatabaseStatisticsStatement(int server_version) {
  return server_version < kCountsSessions ? std::nullopt : std::optional(kStatement);
}

sessions::Statistics DatabaseStatisticsOf(const db::Result& rows) {
  const int oid = rows.Column("datid");
  const int name = rows.Column("datname");
  const int sessions = rows.Column("sessions");
  const int commits = rows.Column("commits");
  const int reset = rows.Column("reset_us");
  const int began = rows.Column("began_us");
  const int taken = rows.Column("taken_us");
  sessions::Statistics statistics;
  statistics.databases.reserve(static_cast<std::size_t>(rows.rows()));
  for (int row = 0; row < rows.rows(); ++row) {
    statistics.began_us = rows.Int(row, began).value_or(0);
    statistics.taken_us = rows.Int(row, taken);
    statistics.databases.push_back({.oid = rows.RequireInt(row, oid),
                                    .name = std::string(rows.RequireText(row, name)),
                                    .sessions = rows.RequireInt(row, sessions),
                                    .commits = rows.RequireInt(row, commits),
                                    .reset_us = rows.Int(row, reset)});
  }
  return statistics;
}

}  // namespace pgtls::postgres
