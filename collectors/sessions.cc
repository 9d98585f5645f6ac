#include "collectors/sessions.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collectors/session_samples.h"
#include "collectors/sessions_parts.h"
#include "exporter/base/digest.h"
#include "exporter/base/error.h"
#include "exporter/config/collector_schema.h"
#include "exporter/postgres/driver.h"
#include "exporter/postgres/own_connection.h"
#include "exporter/postgres/versioned_sql.h"
#include "exporter/sessions/count.h"
#include "exporter/sessions/exemptions.h"
#include "exporter/sessions/open_connections.h"
#include "exporter/sessions/session_counter.h"

namespace pgtls::collectors {
namespace {

using sessions::Session;

// ---- SQL

// One statement, so that privilege, clock and sessions are of one moment. The views read one snapshot of the backends,
// in which a pid is unique. pg_stat_ssl and pg_stat_gssapi leave out a client whose address the server cannot print
// (client_port is null then); how it is protected is in the function below them, which is called for such a client
// alone. This very session is left out here, whichever backend a pooler lends it; the exporter's others are known by
// pid and start. The first row is always there, with nulls for a session where there is none.
constexpr std::array kSql = {postgres::VersionedSql{120000, R"(
WITH me AS MATERIALIZED (
  SELECT pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_all,
         (extract(epoch FROM pg_catalog.statement_timestamp()) * 1000000)::pg_catalog.int8 AS now_us,
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
       coalesce(s.client_serial, f.ssl_client_serial) IS NOT NULL AS client_certificate,
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

// ---- Reader

// Reads the rows one by one: a thousand sessions are never held twice.
class Snapshot {
 public:
  // Throws Error where the role does not see other sessions.
  explicit Snapshot(const postgres::Sessions& sessions) : rows_(sessions.rows), own_(sessions.own) {
    if (!rows_.RequireBool(0, rows_.Column("sees_all"))) {
      const std::string role(rows_.RequireText(0, rows_.Column("blind_role")));
      throw Error(FailureReason::kInsufficientPrivilege,
                  fmt::format("the role cannot see other sessions: GRANT pg_read_all_stats TO {}", role));
    }
    now_us_ = rows_.RequireInt(0, rows_.Column("now_us"));
    postmaster_start_us_ = rows_.RequireInt(0, rows_.Column("postmaster_start_us"));
  }

  // The server's clock, in microseconds since the epoch.
  std::int64_t now_us() const { return now_us_; }
  std::int64_t postmaster_start_us() const { return postmaster_start_us_; }
  int size() const { return rows_.rows(); }
  // A view into the rows. nullopt: a session of the exporter, or the row that stands for no session at all.
  std::optional<Session> At(int row) const {
    const auto pid = rows_.Int(row, pid_);
    if (!pid || own_[static_cast<std::size_t>(row)]) return std::nullopt;
    const auto port = rows_.Int(row, client_port_);
    Session session = {
        .pid = static_cast<int>(*pid),
        .backend_start_us = rows_.RequireInt(row, backend_start_),
        .database = TextOf(row, database_),
        .user = TextOf(row, user_),
        .application_name = TextOf(row, application_name_),
        .client_addr = TextOf(row, client_addr_),
        .client_port = port ? std::optional(static_cast<int>(*port)) : std::nullopt,
        .backend_type = TextOf(row, backend_type_),
        .authenticating = rows_.RequireBool(row, authenticating_),
        .ssl = rows_.Bool(row, ssl_),
        .client_certificate = rows_.RequireBool(row, client_certificate_),
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
    }
    return session;
  }

 private:
  std::string_view TextOf(int row, int column) const { return rows_.Text(row, column).value_or(""); }

  const db::Result& rows_;
  const std::vector<bool>& own_;
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
  const int client_certificate_ = rows_.Column("client_certificate");
  const int client_dn_ = rows_.Column("client_dn");
  const int issuer_dn_ = rows_.Column("issuer_dn");
  const int gss_encrypted_ = rows_.Column("gss_encrypted");
};

// ---- Counting

sessions::Counts CountAll(const Snapshot& snapshot, const sessions::CountOptions& options,
                          const sessions::Exemptions& exemptions, const sessions::Collection& collection,
                          sessions::SessionCounter& counter) {
  sessions::Counts counts;
  counter.StartCollection(collection);
  for (int row = 0; row < snapshot.size(); ++row) {
    if (const auto session = snapshot.At(row)) Count(*session, options, exemptions, counter, counts);
  }
  counter.EndCollection();
  return counts;
}

// ---- Factory

class Collector : public sampling::Collector {
 public:
  asio::awaitable<void> Collect(sampling::Context& context, sampling::Output& output) override {
    const auto& options = context.config.options.As<SessionsOptions>();
    const int server_version = context.session->server_version();
    const db::Statement statement = postgres::StatementFor("sessions", kSql, server_version);
    sessions::Collection collection{.asked = std::chrono::steady_clock::now(), .max_series = options.max_series};
    const postgres::Sessions sessions =
        co_await postgres::QuerySessions(*context.session, context.own_backends, statement, context.deadline);
    const Snapshot snapshot(sessions);
    collection.now_us = snapshot.now_us();
    collection.postmaster_start_us = snapshot.postmaster_start_us();
    collection.previous = std::exchange(answered_, std::chrono::steady_clock::now());
    // Where every session is one of last time's, nothing is said anew: on most servers of a fleet, most of the time.
    const Digest shown = Shown(context, sessions, snapshot);
    if (context.basis && context.basis == Basis(shown)) {
      output.unchanged = true;
      co_return;
    }
    ++renderings_;
    output.basis = Basis(shown);
    const std::chrono::sys_time<std::chrono::microseconds> now{std::chrono::microseconds(snapshot.now_us())};
    const sessions::Exemptions exemptions(context.server.policy.allow_unencrypted, now);
    const sessions::CountOptions count_options = {.buckets = {options.ipv4_prefix, options.ipv6_prefix},
                                                  .client_addr = options.client_addr};
    const sessions::Counts counts = CountAll(snapshot, count_options, exemptions, collection, counter_);
    auto summary = std::make_shared<const sessions::Summary>(RenderSessions(
        counts, counter_, server_version >= kShowsAuthenticating, options.max_series, caps_, output.sink));
    RenderExemptions(context.server.policy, output.sink);
    if (summary->HasUnknown()) output.incomplete.push_back({"encryption", "error"});
    output.facts.Publish(std::move(summary));
    output.facts.Publish(OpenNow(counts, snapshot));
  }

 private:
  // The server, its sessions, the configuration, and the day (exemptions end with one).
  static Digest Shown(const sampling::Context& context, const postgres::Sessions& sessions, const Snapshot& snapshot) {
    constexpr std::int64_t kDayUs = std::int64_t{24} * 60 * 60 * 1'000'000;
    Digester digester;
    digester.Number(context.config_version);
    digester.Number(context.session->server_version());
    digester.Number(snapshot.now_us() / kDayUs);
    sessions.DigestRows(digester);
    return digester.Finish();
  }

  // All that a result follows from: also what is counted over time, which each rendering may move on, even one that was
  // not stored.
  Digest Basis(const Digest& shown) const {
    Digester digester;
    digester.Part(shown);
    digester.Number(renderings_);
    return digester.Finish();
  }

  // The last one if it is the same: those who read it have nothing to do then.
  std::shared_ptr<const sessions::OpenConnections> OpenNow(const sessions::Counts& counts, const Snapshot& snapshot) {
    auto open = OpenConnectionsOf(counts, snapshot.postmaster_start_us());
    if (open_ == nullptr || *open_ != open) open_ = std::make_shared<const sessions::OpenConnections>(std::move(open));
    return open_;
  }

  SessionCaps caps_;
  sessions::SessionCounter counter_;
  std::shared_ptr<const sessions::OpenConnections> open_;
  std::uint64_t renderings_ = 0;
  std::optional<std::chrono::steady_clock::time_point> answered_;  // the last time that the server told its sessions
};

constexpr sampling::Remedy kFailures[] = {
    {"insufficient_privilege", "GRANT pg_read_all_stats TO tls_exporter; (the role that the exporter logs in as)"},
};

constexpr config::OptionKey kKeys[] = {
    config::Key<&SessionsOptions::client_addr, config::ReadBool>("client_addr"),
    config::Key<&SessionsOptions::ipv4_prefix, config::ReadInt<0, 32>>("ipv4_prefix"),
    config::Key<&SessionsOptions::ipv6_prefix, config::ReadInt<0, 128>>("ipv6_prefix"),
    config::Key<&SessionsOptions::max_series, config::ReadMaxSeries>("max_series"),
};

constexpr sampling::CollectorType kType = {
    .name = "sessions",
    .help = "Who is connected, and how protected",
    .connection = sampling::ConnectionKind::kPersistent,
    .descs = kSessionDescs,
    .make = [] { return std::unique_ptr<sampling::Collector>(new Collector()); },
    .parts = kSessionsParts,
    .failures = kFailures,
    .schema = {.interval = std::chrono::seconds(15),
               .timeout = std::chrono::seconds(5),
               .options = [] { return config::CollectorOptions(SessionsOptions()); },
               .keys = kKeys},
    .kinds = postgres::kOnlyThis,
};

}  // namespace

const sampling::CollectorType& SessionsCollector() { return kType; }

}  // namespace pgtls::collectors
