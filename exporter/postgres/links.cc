#include "exporter/postgres/links.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "exporter/base/deadline.h"
#include "exporter/base/error.h"
#include "exporter/base/text.h"
#include "exporter/base/uri.h"
#include "exporter/postgres/trusted_functions.h"
#include "exporter/postgres/versioned_sql.h"
#include "exporter/sampling/driver.h"
#include "exporter/sampling/result.h"
#include "exporter/sessions/session.h"

namespace pgtls::postgres {
namespace {

using links::Link;
using links::Links;
using links::Options;

// ---- SQL

// `follows`: this standby is configured to stream from another server.
constexpr std::array kAccessSql = {VersionedSql{120000, R"(
SELECT pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_stats,
       EXISTS (SELECT FROM ()" PGTLS_TRUSTED_FUNCTIONS_SQL R"() ours WHERE proname = 'subscriptions') AS has_function,
       pg_catalog.pg_is_in_recovery() AS standby,
       pg_catalog.pg_is_in_recovery()
         AND coalesce((SELECT setting <> '' FROM pg_catalog.pg_settings WHERE name = 'primary_conninfo'), true) AS follows
)"}};

constexpr std::array kDatabasesSql = {VersionedSql{120000, R"(
SELECT datname FROM pg_catalog.pg_database WHERE datallowconn AND datconnlimit <> -2 AND datname <> pg_catalog.current_database()
ORDER BY datname
)"}};

// Passwords are cut out of this conninfo, and every option is in it, defaults included, but nothing is quoted: where a
// value looks like a second option, neither is believed.
constexpr std::array kWalReceiverSql = {VersionedSql{120000, R"(
SELECT sender_host AS host, sender_port::pg_catalog.text AS port, o.*
FROM pg_catalog.pg_stat_wal_receiver r,
     LATERAL (
       SELECT pg_catalog.max(m[2]) FILTER (WHERE m[1] = 'hostaddr') AS hostaddr,
              pg_catalog.max(m[2]) FILTER (WHERE m[1] = 'sslmode') AS sslmode,
              pg_catalog.max(m[2]) FILTER (WHERE m[1] = 'sslrootcert') AS sslrootcert,
              pg_catalog.max(m[2]) FILTER (WHERE m[1] = 'gssencmode') AS gssencmode,
              count(*) = count(DISTINCT m[1]) AND pg_catalog.bool_or(m[1] = 'sslmode') AS readable
       FROM pg_catalog.regexp_matches(r.conninfo, '(?:^| )(hostaddr|ssl[a-z_]+|gssencmode)=([^ ]*)', 'g') m) o
WHERE r.pid IS NOT NULL
)"}};

constexpr std::array kReplicationSql = {VersionedSql{120000, R"(
SELECT a.pid, a.usename, a.application_name, a.client_addr, a.client_port, a.datname IS NOT NULL AS logical, r.sync_state,
       s.ssl, coalesce(g.encrypted, false) AS gss_encrypted
FROM pg_catalog.pg_stat_replication r
JOIN pg_catalog.pg_stat_activity a ON a.pid = r.pid
LEFT JOIN pg_catalog.pg_stat_ssl s ON s.pid = r.pid
LEFT JOIN pg_catalog.pg_stat_gssapi g ON g.pid = r.pid
)"}};

constexpr std::array kSubscriptionsSql = {VersionedSql{120000, R"(
SELECT database, name, server, encoded, host, hostaddr, port, sslmode, sslrootcert, gssencmode, service, problem
FROM tls_exporter.subscriptions()
)"}};

// By the functions of the wrapper: it may have any name.
constexpr std::array kForeignServersSql = {VersionedSql{120000, R"(
SELECT s.oid, pg_catalog.current_database() AS database, s.srvname AS name, o.*
FROM pg_catalog.pg_foreign_server s
JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw
LEFT JOIN pg_catalog.pg_proc h ON h.oid = w.fdwhandler
LEFT JOIN pg_catalog.pg_proc v ON v.oid = w.fdwvalidator
CROSS JOIN LATERAL (
  SELECT pg_catalog.max(option_value) FILTER (WHERE option_name = 'host') AS host,
         pg_catalog.max(option_value) FILTER (WHERE option_name = 'hostaddr') AS hostaddr,
         pg_catalog.max(option_value) FILTER (WHERE option_name = 'port') AS port,
         pg_catalog.max(option_value) FILTER (WHERE option_name = 'sslmode') AS sslmode,
         pg_catalog.max(option_value) FILTER (WHERE option_name = 'sslrootcert') AS sslrootcert,
         pg_catalog.max(option_value) FILTER (WHERE option_name = 'gssencmode') AS gssencmode,
         coalesce(pg_catalog.max(option_value) FILTER (WHERE option_name = 'service') <> '', false) AS service
  FROM pg_catalog.pg_options_to_table(s.srvoptions)) o
WHERE h.proname = 'postgres_fdw_handler'
   OR v.proname IN ('postgres_fdw_validator', 'dblink_fdw_validator', 'postgresql_fdw_validator')
)"}};

// ---- Reading

// The server's own libpq: for the older, sslrootcert=system is a file.
constexpr int kKnowsSystemRoot = 160000;

std::string TextOf(const db::Result& rows, int row, const char* column) {
  return std::string(rows.Text(row, rows.Column(column)).value_or(""));
}

Options OptionsOf(const db::Result& rows, int row, bool knows_system_root) {
  return {.host = TextOf(rows, row, "host"),
          .hostaddr = TextOf(rows, row, "hostaddr"),
          .port = TextOf(rows, row, "port"),
          .sslmode = TextOf(rows, row, "sslmode"),
          .sslrootcert = TextOf(rows, row, "sslrootcert"),
          .gssencmode = TextOf(rows, row, "gssencmode"),
          .knows_system_root = knows_system_root};
}

// Foreign servers by the database and oid that a subscription names them by.
using ServerKey = std::pair<std::string, std::int64_t>;
using ForeignServers = std::map<ServerKey, Link>;

void ReadForeignServers(const db::Result& rows, int version, ForeignServers& servers) {
  for (int row = 0; row < rows.rows(); ++row) {
    const std::string database = TextOf(rows, row, "database");
    Options options = OptionsOf(rows, row, version >= kKnowsSystemRoot);
    options.service = rows.RequireBool(row, rows.Column("service"));
    servers[{database, rows.RequireInt(row, rows.Column("oid"))}] =
        links::LinkOf(links::kForeignServer, database, TextOf(rows, row, "name"), options);
  }
}

// nullopt: its bytes are not those of a URI.
std::optional<Options> Decoded(Options options) {
  for (std::string* text :
       {&options.host, &options.hostaddr, &options.port, &options.sslmode, &options.sslrootcert, &options.gssencmode}) {
    auto decoded = PercentDecoded(*text);
    if (!decoded) return std::nullopt;
    *text = *std::move(decoded);
  }
  return options;
}

class Reader {
 public:
  Reader(sampling::Context& context, std::size_t max_databases, Refusals& refusals, sampling::Output& output)
      : context_(context),
        max_databases_(max_databases),
        refusals_(refusals),
        output_(output),
        version_(context.session->server_version()) {}

  asio::awaitable<Links> Read() {
    const db::Result access = co_await Ask("links_access", kAccessSql);
    const auto flag = [&](const char* column) { return access.RequireBool(0, access.Column(column)); };
    if (flag("sees_stats")) {
      ReadWalReceiver(co_await Ask("links_wal_receiver", kWalReceiverSql), flag("follows"));
      ReadReplication(co_await Ask("links_replication", kReplicationSql));
    } else {
      Missing("wal_receiver", FailureReason::kInsufficientPrivilege);
      Missing("replication", FailureReason::kInsufficientPrivilege);
    }
    // A standby does not run them.
    std::optional<db::Result> subscriptions;
    if (!flag("standby")) {
      if (flag("has_function")) {
        subscriptions = co_await Ask("links_subscriptions", kSubscriptionsSql);
      } else {
        Missing("subscriptions", FailureReason::kInsufficientPrivilege);
      }
    }
    co_await VisitDatabases();
    if (subscriptions) ReadSubscriptions(*subscriptions);
    for (auto& [key, server] : servers_) AddLink(std::move(server));
    for (const std::string_view kind : {links::kWalReceiver, links::kSubscription, links::kForeignServer}) {
      if (std::ranges::none_of(unseen_, [&](const std::string& part) { return part == PartOf(kind); }))
        found_.kinds.push_back(kind);
    }
    co_return std::move(found_);
  }

 private:
  static std::string_view PartOf(std::string_view kind) {
    if (kind == links::kSubscription) return "subscriptions";
    return kind == links::kForeignServer ? "foreign_servers" : "wal_receiver";
  }

  asio::awaitable<db::Result> Ask(const char* name, std::span<const VersionedSql> sql) {
    return context_.session->Query(StatementFor(name, sql, version_), {}, context_.deadline);
  }

  void Missing(std::string part, std::string reason, std::string detail = "") {
    unseen_.push_back(part);
    output_.incomplete.push_back({std::move(part), std::move(reason), Printable(detail)});
  }
  void Missing(std::string part, FailureReason reason, std::string detail = "") {
    Missing(std::move(part), std::string(ToString(reason)), std::move(detail));
  }

  void AddLink(Link link) {
    if (link.protection == links::Protection::kUnknown) {
      Missing(std::string(PartOf(link.kind)), "sslmode_unknown", fmt::format("{} in {}", link.name, link.database));
    }
    found_.links.push_back(std::move(link));
  }

  void ReadWalReceiver(const db::Result& rows, bool follows) {
    // Between two attempts to connect there is no process that would show its options.
    if (rows.rows() == 0 && follows) Missing("wal_receiver", "not_connected");
    for (int row = 0; row < rows.rows(); ++row) {
      const Options options = OptionsOf(rows, row, version_ >= kKnowsSystemRoot);
      if (!rows.Bool(row, rows.Column("readable")).value_or(false)) return Missing("wal_receiver", "malformed");
      AddLink(links::LinkOf(links::kWalReceiver, "", "", options));
    }
  }

  void ReadReplication(const db::Result& rows) {
    for (int row = 0; row < rows.rows(); ++row) {
      const std::string address = TextOf(rows, row, "client_addr");
      const auto port = rows.Int(row, rows.Column("client_port"));
      const sessions::Session session = {
          .client_addr = address,
          .client_port = port ? std::optional(static_cast<int>(*port)) : std::nullopt,
          .ssl = rows.Bool(row, rows.Column("ssl")),
          .gss_encrypted = rows.RequireBool(row, rows.Column("gss_encrypted")),
      };
      found_.replication.push_back({.application_name = TextOf(rows, row, "application_name"),
                                    .client_addr = address,
                                    .logical = rows.RequireBool(row, rows.Column("logical")),
                                    .sync_state = TextOf(rows, row, "sync_state"),
                                    .network = sessions::OriginOf(session).network,
                                    .encryption = sessions::EncryptionOf(session),
                                    .user = TextOf(rows, row, "usename")});
    }
  }

  asio::awaitable<void> VisitDatabases() {
    ReadForeignServers(co_await Ask("links_foreign_servers", kForeignServersSql), version_, servers_);
    const db::Result rows = co_await Ask("links_databases", kDatabasesSql);
    for (int row = 0; row < rows.rows(); ++row) {
      const std::string database = TextOf(rows, row, "datname");
      const auto why = WhyVisitNoMore(static_cast<std::size_t>(row) + 1);
      if (why) {
        const int left = rows.rows() - row;
        co_return Missing("foreign_servers", *why,
                          fmt::format("{} of {} databases: {} …", left, rows.rows() + 1, database));
      }
      co_await Visit(database);
    }
  }

  std::optional<std::string> WhyVisitNoMore(std::size_t visited) const {
    if (context_.session->pooled()) return "pooler";
    if (visited >= max_databases_) return "max_databases";
    if (IsLate()) return std::string(ToString(FailureReason::kTimeout));
    return std::nullopt;
  }

  bool IsLate() const { return std::chrono::steady_clock::now() >= visits_end_; }

  asio::awaitable<void> Visit(std::string database) {
    const auto refusal = refusals_.find(database);
    const bool is_refused = refusal != refusals_.end() && std::chrono::steady_clock::now() < refusal->second.until;
    std::optional<sampling::Failure> failure;
    if (is_refused) {
      failure = refusal->second.failure;
    } else {
      refusals_.erase(database);
      failure = co_await Try(database);
      if (failure && IsRefusal(*failure)) refusals_[database] = {*failure, After(std::chrono::hours(1))};
    }
    if (failure) Missing("foreign_servers", failure->reason, fmt::format("{}: {}", database, failure->message));
  }

  static bool IsRefusal(const sampling::Failure& failure) {
    return failure.reason == FailureReason::kAuthentication || failure.reason == FailureReason::kTls ||
           failure.reason == FailureReason::kInsufficientPrivilege;
  }

  asio::awaitable<std::optional<sampling::Failure>> Try(std::string database) {
    std::optional<sampling::Failure> failure;
    try {
      const auto session = co_await context_.open_database(database);
      ReadForeignServers(co_await session->connection().Query(
                             StatementFor("links_foreign_servers", kForeignServersSql, version_), {}, visits_end_),
                         version_, servers_);
    } catch (const std::exception& error) {
      if (IsCancellation(error)) throw;
      failure = sampling::AsFailure(error);
    }
    co_return failure;
  }

  void ReadSubscriptions(const db::Result& rows) {
    for (int row = 0; row < rows.rows(); ++row) {
      const std::string database = TextOf(rows, row, "database");
      const std::string name = TextOf(rows, row, "name");
      const auto server = rows.Int(row, rows.Column("server"));
      std::optional<Options> options = OptionsOf(rows, row, version_ >= kKnowsSystemRoot);
      options->service = rows.RequireBool(row, rows.Column("service"));
      if (rows.RequireBool(row, rows.Column("encoded"))) options = Decoded(*std::move(options));
      if (server) {
        AddSubscriptionOf(database, name, *server);
      } else if (!options || rows.Text(row, rows.Column("problem"))) {
        Missing("subscriptions", "malformed", fmt::format("{} in {}", name, database));
      } else {
        AddLink(links::LinkOf(links::kSubscription, database, name, *options));
      }
    }
  }

  // CREATE SUBSCRIPTION … SERVER (19).
  void AddSubscriptionOf(const std::string& database, const std::string& name, std::int64_t server) {
    const auto found = servers_.find({database, server});
    if (found == servers_.end())
      return Missing("subscriptions", "foreign_server", fmt::format("{} in {}", name, database));
    Link link = found->second;
    link.kind = links::kSubscription;
    link.name = name;
    AddLink(std::move(link));
  }

  sampling::Context& context_;
  const std::size_t max_databases_;
  Refusals& refusals_;
  sampling::Output& output_;
  const int version_;
  // Before the collection's: a database that does not answer must not cost what is known of the others.
  const Deadline visits_end_ = context_.deadline - (context_.deadline - std::chrono::steady_clock::now()) / 4;
  ForeignServers servers_;
  std::vector<std::string> unseen_;
  Links found_;
};

}  // namespace

asio::awaitable<Links> ReadLinks(sampling::Context& context, std::size_t max_databases, Refusals& refusals,
                                 sampling::Output& output) {
  Reader reader(context, max_databases, refusals, output);
  co_return co_await reader.Read();
}

}  // namespace pgtls::postgres
