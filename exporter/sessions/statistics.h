// What a server's cumulative statistics have on sessions (pg_stat_database).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pgtls::sessions {

// Times are in microseconds since the epoch, by the server's clock.
struct DatabaseStatistics {
  std::int64_t oid = 0;
  std::string name;
  std::int64_t sessions = 0;             // of client backends, since the last reset
  std::int64_t commits = 0;              // since the last reset
  std::optional<std::int64_t> reset_us;  // the last reset of this database's statistics
};

struct Statistics {
  // When the statistics as a whole began: at the server's first start, and again after each crash. A restart keeps
  // them.
  std::int64_t began_us = 0;
  // Of when they are, if they are not of the moment at which they were read: PostgreSQL 14's are up to half a second
  // old.
  std::optional<std::int64_t> taken_us;
  std::vector<DatabaseStatistics> databases;
};

}  // namespace pgtls::sessions
