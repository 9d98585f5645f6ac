#include "exporter/db/session_setup.h"

#include <algorithm>
#include <string>

namespace pgtls::db {
namespace {

using std::chrono::milliseconds;

// pg_temp is named last: if it is not named it comes first, and a temporary view could replace a catalog.
constexpr std::string_view kSearchPath = "SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', $1)";

// Parsed under the search_path that the statement before it set.
// client_encoding: names in shared catalogs are in whatever encoding their creator's database had; a conversion would
// fail on one that is not valid in this database's. SQL_ASCII means the bytes as they are. Of the newer settings:
// several requests are one transaction, and each has the statement timeout for itself; between two collections the
// session is idle; a server under Linux notices in mid-query that its client is gone (elsewhere the setting may be an
// error).
constexpr std::string_view kSettings =
    "SELECT pg_backend_pid() AS pid, "
    "(SELECT (extract(epoch FROM backend_start) * 1000000)::int8 FROM pg_stat_get_activity(pg_backend_pid())) "
    "AS start_us, "
    "set_config('client_encoding', 'SQL_ASCII', $1), set_config('jit', 'off', $1), "
    "set_config('statement_timeout', $2, $1), set_config('lock_timeout', $3, $1), "
    "(SELECT array_agg(set_config(name, '0', $1)) FROM pg_settings "
    "WHERE name IN ('transaction_timeout', 'idle_session_timeout')), "
    "(SELECT set_config(name, '1s', $1) FROM pg_settings "
    "WHERE name = 'client_connection_check_interval' AND version() LIKE '%linux%')";

constexpr std::string_view kBounds =
    "SELECT set_config('statement_timeout', $1, false), set_config('lock_timeout', $2, false)";

constexpr milliseconds kLongestLock{2000};

std::string Text(milliseconds duration) { return std::to_string(duration.count()) + "ms"; }
std::string LockTimeout(milliseconds statement_timeout) { return Text(std::min(statement_timeout, kLongestLock)); }

}  // namespace

Statement BackendPidStatement() { return {"", "SELECT pg_catalog.pg_backend_pid()"}; }

std::vector<Request> SetUpRequests(milliseconds statement_timeout, bool local) {
  const std::string is_local = local ? "true" : "false";
  // Unnamed, so that nothing is left in the backend.
  return {{{"", kSearchPath}, {is_local}},
          {{"", kSettings}, {is_local, Text(statement_timeout), LockTimeout(statement_timeout)}}};
}

BackendId ReadBackend(const Result& row) {
  return {static_cast<int>(row.Int(0, row.Column("pid")).value_or(0)), row.Int(0, row.Column("start_us")).value_or(0)};
}

Request BoundRequest(milliseconds statement_timeout) {
  return {{"session_bounds", kBounds}, {Text(statement_timeout), LockTimeout(statement_timeout)}};
}

milliseconds StatementTimeout(milliseconds left, std::optional<milliseconds> current) {
  constexpr milliseconds kLongest = std::chrono::hours(1);
  left = std::clamp(left, milliseconds(2), kLongest);
  if (current && *current >= left / 2 && *current <= left * 9 / 10) return *current;
  return left * 4 / 5;
}

}  // namespace pgtls::db
