#include "exporter/postgres/backends.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "exporter/base/error.h"
#include "exporter/postgres/database_statistics.h"
#include "exporter/postgres/own_connection.h"
#include "exporter/postgres/versioned_sql.h"

namespace pgtls::postgres {
namespace {

using sessions::Session;

// One statement, so that privilege, clock and sessions are of one moment. The views read one snapshot of the backends,
// in which a pid is unique. pg_stat_ssl and pg_stat_gssapi leave out a client whose address the server cannot print
// (client_port is null then); how it is protected is in the function below them, which is called for such a client
// alone. This very session is left out here, whichever backend a pooler lends it; the exporter's others are known by
// pid and start. The clock is that of the beginning of the round trip, whatever the query before it takes. The first
// row is always there, with nulls for a session where there is none.
constexpr std::array kSql = {VersionedSql{120000, R"(
WITH me AS MATERIALIZED (
  SELECT pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_all,
         (extract(epoch FROM pg_catalog.transaction_timestamp()) * 1000000)::pg_catalog.int8 AS now_us,
         (extract(epoch FROM pg_catalog.pg_postmaster_start_time()) * 1000000)::pg_catalog.int8 AS postmaster_start_us
)
SELECT me.sees_all,
       CASE WHEN NOT me.sees_all THEN pg_catalog.quote_ident(current_user) END AS blind_role,
       me.now_us,
       me.postmaster_start_us,
       a.pid,
       (extract(epoch FROM a.backend_start) * 1000000)::pg_catalog.int8 AS backend_start_us,
       a.datname,
       a.usename,
       a.application_name,
       a.client_addr,
       a.client_port,
       a.backend_type,
       a.state IS NOT DISTINCT FROM 'starting' AS authenticating,
       coalesce(s.ssl, f.ssl) AS ssl,
       coalesce(s.version, f.sslversion) AS version,
       coalesce(s.cipher, f.sslcipher) AS cipher,
       coalesce(s.bits, f.sslbits) AS bits,
       coalesce(s.client_serial, f.ssl_client_serial)::pg_catalog.text AS client_serial,
       coalesce(s.client_dn, f.ssl_client_dn) AS client_dn,
       coalesce(s.issuer_dn, f.ssl_issuer_dn) AS issuer_dn,
       coalesce(g.encrypted, f.gss_enc, false) AS gss_encrypted
FROM me
LEFT JOIN (pg_catalog.pg_stat_activity a
           LEFT JOIN pg_catalog.pg_stat_ssl s ON s.pid = a.pid
           LEFT JOIN pg_catalog.pg_stat_gssapi g ON g.pid = a.pid
           LEFT JOIN LATERAL (
             SELECT ssl, sslversion, sslcipher, sslbits, ssl_client_serial, ssl_client_dn, ssl_issuer_dn, gss_enc
             FROM pg_catalog.pg_stat_get_activity(a.pid)
             WHERE s.pid IS NULL
             OFFSET 0) f ON true)
  ON me.sees_all
 AND a.backend_type IN ('client backend', 'walsender')
 AND a.pid <> pg_catalog.pg_backend_pid()
)"}};

// 18 shows sessions from the start of their authentication on.
constexpr int kShowsAuthenticating = 180000;

class Backends : public sessions::Snapshot {
 public:
  // Throws Error where the role does not see other sessions.
  explicit Backends(Sessions sessions, int server_version)
      : sessions_(std::move(sessions)), server_version_(server_version) {
    if (!rows_.RequireBool(0, rows_.Column("sees_all"))) {
      const std::string role(rows_.RequireText(0, rows_.Column("blind_role")));
      throw Error(FailureReason::kInsufficientPrivilege,
                  fmt::format("the role cannot see other sessions: GRANT pg_read_all_stats TO {}", role));
    }
    if (sessions_.first && *sessions_.first) statistics_ = DatabaseStatisticsOf(**sessions_.first);
    now_us_ = rows_.RequireInt(0, rows_.Column("now_us"));
    postmaster_start_us_ = rows_.RequireInt(0, rows_.Column("postmaster_start_us"));
  }

  std::int64_t now_us() const override { return now_us_; }
  std::optional<std::chrono::steady_clock::time_point> asked() const override { return sessions_.asked; }
  std::int64_t postmaster_start_us() const override { return postmaster_start_us_; }
  int size() const override { return rows_.rows(); }
  const sessions::Statistics* statistics() const override { return statistics_ ? &*statistics_ : nullptr; }
  std::string_view statistics_problem() const override {
    if (!sessions_.first || *sessions_.first) return {};
    const FailureReason reason = sessions_.first->error().reason();
    return ToString(reason == FailureReason::kInsufficientPrivilege ? reason : FailureReason::kError);
  }
  bool shows_authenticating() const override { return server_version_ >= kShowsAuthenticating; }
  void DigestRows(Digester& digester) const override { sessions_.DigestRows(digester); }
  std::optional<Session> At(int row) const override {
    const auto pid = rows_.Int(row, pid_);
    if (!pid || sessions_.own[static_cast<std::size_t>(row)]) return std::nullopt;
    const auto port = rows_.Int(row, client_port_);
    Session session = {
        .id = *pid,
        .backend_start_us = rows_.RequireInt(row, backend_start_),
        .database = TextOf(row, database_),
        .user = TextOf(row, user_),
        .application_name = TextOf(row, application_name_),
        .client_addr = TextOf(row, client_addr_),
        .client_port = port ? std::optional(static_cast<int>(*port)) : std::nullopt,
        .backend_type = TextOf(row, backend_type_),
        .authenticating = rows_.RequireBool(row, authenticating_),
        .ssl = rows_.Bool(row, ssl_),
        .client_certificate = rows_.Text(row, client_serial_).has_value(),
        .gss_encrypted = rows_.RequireBool(row, gss_encrypted_),
    };
    if (session.ssl.value_or(false)) {
      session.version = TextOf(row, version_);
      session.cipher = TextOf(row, cipher_);
      session.bits = TextOf(row, bits_);
    }
    if (session.client_certificate) {
      session.client_dn = TextOf(row, client_dn_);
      session.issuer_dn = TextOf(row, issuer_dn_);
      session.client_serial = TextOf(row, client_serial_);
    }
    return session;
  }

 private:
  std::string_view TextOf(int row, int column) const { return rows_.Text(row, column).value_or(""); }

  const Sessions sessions_;
  const db::Result& rows_ = sessions_.rows;
  const int server_version_;
  std::optional<sessions::Statistics> statistics_;
  std::int64_t now_us_ = 0;
  std::int64_t postmaster_start_us_ = 0;
  const int pid_ = rows_.Column("pid");
  const int backend_start_ = rows_.Column("backend_start_us");
  const int database_ = rows_.Column("datname");
  const int user_ = rows_.Column("usename");
  const int application_name_ = rows_.Column("application_name");
  const int client_addr_ = rows_.Column("client_addr");
  const int client_port_ = rows_.Column("client_port");
  const int backend_type_ = rows_.Column("backend_type");
  const int authenticating_ = rows_.Column("authenticating");
  const int ssl_ = rows_.Column("ssl");
  const int version_ = rows_.Column("version");
  const int cipher_ = rows_.Column("cipher");
  const int bits_ = rows_.Column("bits");
  const int client_serial_ = rows_.Column("client_serial");
  const int client_dn_ = rows_.Column("client_dn");
  const int issuer_dn_ = rows_.Column("issuer_dn");
  const int gss_encrypted_ = rows_.Column("gss_encrypted");
};

}  // namespace

asio::awaitable<std::unique_ptr<const sessions::Snapshot>> ReadBackends(db::Session& session,
                                                                        sampling::OwnBackends& own, Deadline deadline) {
  const int version = session.server_version();
  Sessions found = co_await QuerySessions(session, own, StatementFor("sessions", kSql, version),
                                          DatabaseStatisticsStatement(version), deadline);
  co_return std::make_unique<Backends>(std::move(found), version);
}

}  // namespace pgtls::postgres
