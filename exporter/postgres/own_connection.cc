#include "exporter/postgres/own_connection.h"

#include <asio.hpp>
#include <functional>
#include <utility>

#include "exporter/base/error.h"
#include "exporter/sampling/ask_until_sure.h"

namespace pgtls::postgres {
namespace {

const db::Statement kDescribe = {
    "own_connection",
    "SELECT s.ssl, s.version, s.cipher, g.encrypted AS gss, "
    "(SELECT pg_catalog.quote_ident(n.nspname) FROM pg_catalog.pg_extension e "
    "JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'sslinfo') AS sslinfo_schema, "
    "(extract(epoch FROM pg_catalog.pg_postmaster_start_time()) * 1000000)::pg_catalog.int8 AS cluster "
    "FROM (SELECT pg_catalog.pg_backend_pid() AS pid) me "
    "LEFT JOIN pg_catalog.pg_stat_ssl s USING (pid) LEFT JOIN pg_catalog.pg_stat_gssapi g USING (pid)"};

// quote_ident()'s result, so that the name of a schema cannot become SQL.
std::string SslIsUsedSql(std::string_view quoted_schema) {
  return "SELECT " + std::string(quoted_schema) + ".ssl_is_used()";
}

Sessions JudgeSessions(db::Result rows, sampling::OwnBackends& own, const sampling::SnapshotTime& time) {
  Sessions sessions{.rows = std::move(rows), .own = {}};
  const db::Result& all = sessions.rows;
  sessions.own.resize(static_cast<std::size_t>(all.rows()));
  const int pid = all.Column("pid");
  const int start = all.Column("backend_start_us");
  const int user = all.Column("usename");
  const int now = all.Column("now_us");
  for (int row = 0; row < all.rows(); ++row) {
    const auto number = all.Int(row, pid);
    if (!number) continue;
    const db::BackendId id = {.pid = static_cast<int>(*number), .start_us = all.RequireInt(row, start)};
    const std::chrono::microseconds age(all.RequireInt(row, now) - id.start_us);
    const auto owner = own.OwnerOf({.id = id, .user = all.Text(row, user).value_or(""), .age = age}, time);
    sessions.own[static_cast<std::size_t>(row)] = owner == sampling::OwnBackends::Owner::kExporter;
    sessions.unsure = sessions.unsure || owner == sampling::OwnBackends::Owner::kUnsure;
  }
  return sessions;
}

}  // namespace

asio::awaitable<sampling::OwnConnection> DescribeConnection(db::Session& session, std::string sslmode,
                                                            Deadline deadline) {
  const db::Result row = co_await session.Query(kDescribe, {}, deadline);
  sampling::OwnConnection own;
  own.sslmode = std::move(sslmode);
  // A session over a Unix socket has no row with ssl in use; that it is not encrypted is no fault of it.
  const bool tls = row.Bool(0, 0).value_or(false);
  const bool gss = row.Bool(0, 3).value_or(false);
  own.encryption = tls ? "tls" : gss ? "gss" : "none";
  own.version = row.Text(0, 1).value_or("");
  own.cipher = row.Text(0, 2).value_or("");
  own.cluster = row.RequireInt(0, 5);
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
  if (own.ssl_is_used && *own.ssl_is_used != tls) {
    own.contradiction = "pg_stat_ssl and ssl_is_used() disagree about the exporter's own connection";
  }
  co_return own;
}

void Sessions::DigestRows(Digester& digester) const {
  rows.DigestRows(digester, rows.Column("now_us"));
  for (std::size_t row = 0; row < own.size(); ++row) {
    if (own[row]) digester.Number(row);
  }
}

asio::awaitable<Sessions> QuerySessions(db::Session& session, sampling::OwnBackends& own,
                                        const db::Statement& statement, std::optional<db::Statement> first,
                                        Deadline deadline) {
  const std::function<asio::awaitable<Sessions>()> ask = [&]() -> asio::awaitable<Sessions> {
    sampling::SnapshotTime time{.asked = std::chrono::steady_clock::now(), .answered = {}};
    std::vector<db::Request> requests;
    if (first) requests.push_back({*first, {}});
    requests.push_back({statement, {}});
    std::vector<db::Answer> answers = co_await session.QueryAll(std::move(requests), deadline);
    time.answered = std::chrono::steady_clock::now();
    Sessions sessions = JudgeSessions(db::Take(std::move(answers.back())), own, time);
    if (first) sessions.first = std::move(answers.front());
    sessions.asked = time.asked;
    co_return sessions;
  };
  co_return co_await sampling::AskUntilSure(ask, deadline);
}

}  // namespace pgtls::postgres
