#include "exporter/sampling/own_connection.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "exporter/base/error.h"

namespace pgtls::sampling {
namespace {

// client_encoding: names in shared catalogs are in whatever encoding their creator's database had; a conversion would
// fail on one that is not valid in this database's. SQL_ASCII means the bytes as they are. Of the newer settings:
// several requests are one transaction, and each has the statement timeout for itself; a server under Linux notices in
// mid-query that its client has gone (elsewhere the setting may be an error).
const db::Statement kSetUp = {
    "session_setup",
    "SELECT pg_catalog.set_config('client_encoding', 'SQL_ASCII', false), pg_catalog.set_config('jit', 'off', false), "
    "pg_catalog.set_config('statement_timeout', $1, false), "
    "pg_catalog.set_config('lock_timeout', $2, false), pg_catalog.set_config('search_path', 'pg_catalog', false), "
    "(SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings WHERE name = 'transaction_timeout'), "
    "(SELECT pg_catalog.set_config(name, '1s', false) FROM pg_catalog.pg_settings "
    "WHERE name = 'client_connection_check_interval' AND pg_catalog.version() LIKE '%linux%')"};

const db::Statement kDescribe = {
    "own_connection",
    "SELECT s.ssl, s.version, s.cipher, g.encrypted AS gss, "
    "(SELECT pg_catalog.quote_ident(n.nspname) FROM pg_catalog.pg_extension e "
    "JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'sslinfo') AS sslinfo_schema "
    "FROM (SELECT pg_catalog.pg_backend_pid() AS pid) me "
    "LEFT JOIN pg_catalog.pg_stat_ssl s USING (pid) LEFT JOIN pg_catalog.pg_stat_gssapi g USING (pid)"};

// quote_ident()'s result, so that the name of a schema cannot become SQL.
std::string SslIsUsedSql(std::string_view quoted_schema) {
  return "SELECT " + std::string(quoted_schema) + ".ssl_is_used()";
}

std::string Milliseconds(std::chrono::milliseconds duration) { return std::to_string(duration.count()) + "ms"; }

}  // namespace

asio::awaitable<void> SetUpSession(db::Session& session, std::chrono::milliseconds statement_timeout,
                                   Deadline deadline) {
  const auto lock_timeout = std::min(statement_timeout, std::chrono::milliseconds(2000));
  db::Parameters parameters = {Milliseconds(statement_timeout), Milliseconds(lock_timeout)};
  co_await session.Query(kSetUp, std::move(parameters), deadline);
}

asio::awaitable<OwnConnection> DescribeConnection(db::Session& session, std::string sslmode, Deadline deadline) {
  const db::Result row = co_await session.Query(kDescribe, {}, deadline);
  OwnConnection own;
  own.sslmode = std::move(sslmode);
  // A session over a Unix socket has no row with ssl in use; that it is not encrypted is no fault of it.
  const bool tls = row.Bool(0, 0).value_or(false);
  const bool gss = row.Bool(0, 3).value_or(false);
  own.encryption = tls ? "tls" : gss ? "gss" : "none";
  own.version = row.Text(0, 1).value_or("");
  own.cipher = row.Text(0, 2).value_or("");
  const auto schema = row.Text(0, 4);
  if (schema) {
    const std::string sql = SslIsUsedSql(*schema);
    const db::Statement statement{"ssl_is_used", sql};
    try {
      const db::Result used = co_await session.Query(statement, {}, deadline);
      own.ssl_is_used = used.Bool(0, 0);
    } catch (const DbError& error) {
      // EXECUTE may be revoked: then pg_stat_ssl alone is the witness.
      if (error.reason() != FailureReason::kInsufficientPrivilege && error.reason() != FailureReason::kError) throw;
    }
  }
  co_return own;
}

std::string BetweenLogins::pids() const { return fmt::format("{{{}}}", fmt::join(pids_, ",")); }

asio::awaitable<db::Result> QueryBetweenLogins(db::Session& session, const OwnBackends& own,
                                               const db::Statement& statement, Deadline deadline) {
  constexpr int kMostTries = 20;
  for (int tries = 1;; ++tries) {
    const BetweenLogins watch(own);
    db::Parameters parameters = {watch.pids()};
    db::Result rows = co_await session.Query(statement, std::move(parameters), deadline);
    if (!watch.disturbed() || tries == kMostTries) co_return rows;
    asio::steady_timer pause(co_await asio::this_coro::executor, std::chrono::milliseconds(50));
    co_await pause.async_wait(asio::use_awaitable);
  }
}

}  // namespace pgtls::sampling
