#include "collectors/sessions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "collectors/folded.h"
#include "collectors/sessions_parts.h"
#include "exporter/base/digest.h"
#include "exporter/base/error.h"
#include "exporter/config/collector_schema.h"
#include "exporter/metrics/series_cap.h"
#include "exporter/metrics/tally.h"
#include "exporter/postgres/driver.h"
#include "exporter/postgres/own_connection.h"
#include "exporter/postgres/versioned_sql.h"
#include "exporter/sessions/address_label.h"
#include "exporter/sessions/exemptions.h"
#include "exporter/sessions/session.h"
#include "exporter/sessions/session_counter.h"
#include "exporter/sessions/summary.h"

namespace pgtls::collectors {
namespace {

using metrics::Desc;
using metrics::Labels;
using metrics::Sink;
using metrics::Type;
using sessions::Encryption;
using sessions::Network;
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

// ---- Descriptors

constexpr Desc kConnections = {"pg_tls_connections",
                               Type::kGauge,
                               "Open client connections by encryption.",
                               {"server", "database", "user", "client_addr", "network", "backend_type", "encryption"}};
constexpr Desc kUnencrypted = {
    "pg_tls_unencrypted_connections",
    Type::kGauge,
    "Open TCP connections with neither TLS nor GSS encryption, by client and whether the policy allows them.",
    {"server", "database", "user", "client_addr", "application_name", "network", "allowed"}};
constexpr Desc kUnencryptedByNetwork = {
    "pg_tls_unencrypted_connections_by_network",
    Type::kGauge,
    "Open TCP connections with neither TLS nor GSS encryption; 0 if there are none.",
    {"server", "network", "allowed"}};
constexpr Desc kAuthenticating = {"pg_tls_authenticating_connections",
                                  Type::kGauge,
                                  "Connections that have not authenticated yet; PostgreSQL 18 and later shows them.",
                                  {"server", "network"}};
constexpr Desc kCiphers = {"pg_tls_cipher_connections",
                           Type::kGauge,
                           "Open TLS connections by protocol version and cipher suite.",
                           {"server", "version", "cipher", "bits"}};
constexpr Desc kClientCertificates = {"pg_tls_client_certificate_connections",
                                      Type::kGauge,
                                      "Open TLS connections that presented a client certificate.",
                                      {"server", "user", "client_dn", "issuer_dn"}};
constexpr Desc kSessions = {"pg_tls_sessions_total",
                            Type::kCounter,
                            "Sessions that began after the first collection and were observed, each counted once.",
                            {"server", "database", "user", "network", "encryption"}};
constexpr Desc kUnencryptedSessions = {"pg_tls_unencrypted_sessions_total",
                                       Type::kCounter,
                                       "TCP sessions with neither TLS nor GSS encryption that began after the first "
                                       "collection and were observed, each counted once.",
                                       {"server", "network", "allowed"}};
constexpr Desc kOldestUnencrypted = {"pg_tls_oldest_unencrypted_connection_start_timestamp_seconds",
                                     Type::kGauge,
                                     "When the oldest open remote connection began that is unencrypted and not allowed "
                                     "by the policy, in seconds since the epoch.",
                                     {"server"}};
constexpr Desc kExemptionEnd = {"pg_tls_policy_exemption_end_timestamp_seconds",
                                Type::kGauge,
                                "When the policy's exemption ends, in seconds since the epoch.",
                                {"server", "exemption"}};

constexpr std::array kDescs = {
    &kConnections, &kUnencrypted,         &kUnencryptedByNetwork, &kAuthenticating, &kCiphers,     &kClientCertificates,
    &kSessions,    &kUnencryptedSessions, &kOldestUnencrypted,    &kFolded,         &kExemptionEnd};

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

// ---- Render

// What outlives a collection: who has a series, and the counters.
struct State {
  metrics::SeriesCap connections, unencrypted, ciphers, client_certificates;
  sessions::SessionCounter counter;
};

// What folding leaves of each metric's labels. An address that is not shown, or that there is none of, stays empty.
Labels Folded(Labels labels, std::initializer_list<std::size_t> names) {
  for (const std::size_t name : names) labels[name] = metrics::kOther;
  return labels;
}
Labels FoldConnections(const Labels& labels) {
  return labels[2].empty() ? Folded(labels, {0, 1}) : Folded(labels, {0, 1, 2});
}
Labels FoldUnencrypted(const Labels& labels) { return Folded(labels, {0, 1, 2, 3}); }
Labels FoldCiphers(const Labels& labels) { return Folded(labels, {1, 2}); }
Labels FoldClientCertificates(const Labels& labels) { return Folded(labels, {0, 1, 2}); }

std::string_view ToString(bool allowed) { return allowed ? "true" : "false"; }

// The sessions of one snapshot, counted for each metric.
struct Counts {
  metrics::Tally connections, unencrypted, ciphers, client_certificates;
  std::map<std::pair<Network, bool>, std::size_t> unencrypted_by_network = {{{Network::kLoopback, false}, 0},
                                                                            {{Network::kLoopback, true}, 0},
                                                                            {{Network::kRemote, false}, 0},
                                                                            {{Network::kRemote, true}, 0}};
  std::map<Network, std::size_t> authenticating = {
      {Network::kLocal, 0}, {Network::kLoopback, 0}, {Network::kRemote, 0}};
  sessions::Summary summary;
};

Counts Count(const Snapshot& snapshot, const SessionsOptions& options, const sessions::Exemptions& exemptions,
             const sessions::Collection& collection, sessions::SessionCounter& counter) {
  const sessions::AddressBuckets buckets = {options.ipv4_prefix, options.ipv6_prefix};
  Counts counts;
  counter.StartCollection(collection);
  for (int row = 0; row < snapshot.size(); ++row) {
    const auto shown = snapshot.At(row);
    if (!shown) continue;
    const Session& session = *shown;
    const sessions::Origin origin = OriginOf(session);
    if (session.authenticating) {
      ++counts.authenticating[origin.network];
      continue;
    }
    const Encryption encryption = EncryptionOf(session);
    const bool unencrypted = encryption == Encryption::kNone && origin.network != Network::kLocal;
    const bool allowed = unencrypted && exemptions.Allow(session, origin);
    std::string address;
    if (unencrypted || options.client_addr) address = AddressLabel(session, origin, buckets);

    counts.connections.Add({session.database, session.user, options.client_addr ? address : "",
                            ToString(origin.network), session.backend_type, ToString(encryption)});
    ++counts.summary.connections[{origin.network, encryption}];
    counter.Count(session, origin.network, encryption, allowed);
    if (encryption == Encryption::kTls) {
      counts.ciphers.Add({session.version, session.cipher, session.bits});
      if (session.client_certificate) {
        counts.client_certificates.Add({session.user, session.client_dn, session.issuer_dn});
      }
    }
    if (!unencrypted) continue;
    counts.unencrypted.Add({session.database, session.user, address, session.application_name, ToString(origin.network),
                            ToString(allowed)});
    ++counts.unencrypted_by_network[{origin.network, allowed}];
    auto& oldest = counts.summary.oldest_unencrypted_us;
    if (origin.network == Network::kRemote && !allowed) {
      oldest = std::min(oldest.value_or(session.backend_start_us), session.backend_start_us);
    }
  }
  counter.EndCollection();
  return counts;
}

void RenderCapped(const Desc& desc, const metrics::SeriesCap::Capped& capped, Sink& sink) {
  for (const auto& [labels, count] : capped.series) sink.Add(desc, labels, static_cast<double>(count));
  sink.Add(kFolded, {desc.name}, static_cast<double>(capped.folded));
}

void RenderByNetwork(const Desc& desc, const std::map<std::pair<Network, bool>, std::size_t>& counts, Sink& sink) {
  for (const auto& [labels, count] : counts) {
    sink.Add(desc, {ToString(labels.first), ToString(labels.second)}, static_cast<double>(count));
  }
}

void RenderExemptions(const config::Policy& policy, Sink& sink) {
  for (const auto& exemption : policy.allow_unencrypted) {
    if (const auto end = exemption.end())
      sink.Add(kExemptionEnd, {exemption.name}, metrics::Seconds(end->time_since_epoch()));
  }
}

sessions::Summary Render(const Snapshot& snapshot, const SessionsOptions& options, const config::Policy& policy,
                         const sessions::Collection& collection, int server_version, State& state, Sink& sink) {
  const std::chrono::sys_time<std::chrono::microseconds> now{std::chrono::microseconds(snapshot.now_us())};
  const sessions::Exemptions exemptions(policy.allow_unencrypted, now);
  Counts counts = Count(snapshot, options, exemptions, collection, state.counter);

  const std::size_t cap = options.max_series;
  const auto unencrypted = state.unencrypted.Apply(counts.unencrypted, cap, FoldUnencrypted);
  RenderCapped(kConnections, state.connections.Apply(counts.connections, cap, FoldConnections), sink);
  RenderCapped(kUnencrypted, unencrypted, sink);
  RenderByNetwork(kUnencryptedByNetwork, counts.unencrypted_by_network, sink);
  if (server_version >= kShowsAuthenticating) {
    for (const auto& [network, count] : counts.authenticating) {
      sink.Add(kAuthenticating, {ToString(network)}, static_cast<double>(count));
    }
  }
  RenderCapped(kCiphers, state.ciphers.Apply(counts.ciphers, cap, FoldCiphers), sink);
  RenderCapped(kClientCertificates,
               state.client_certificates.Apply(counts.client_certificates, cap, FoldClientCertificates), sink);
  for (const auto& series : state.counter.sessions()) {
    sink.Add(kSessions, {series.database, series.user, ToString(series.network), ToString(series.encryption)},
             static_cast<double>(series.sessions));
  }
  sink.Add(kFolded, {kSessions.name}, static_cast<double>(state.counter.folded()));
  RenderByNetwork(kUnencryptedSessions, state.counter.unencrypted(), sink);
  if (const auto oldest = counts.summary.oldest_unencrypted_us) {
    sink.Add(kOldestUnencrypted, {}, metrics::Seconds(std::chrono::microseconds(*oldest)));
  }
  RenderExemptions(policy, sink);

  for (const auto& [l, count] : unencrypted.series) {
    counts.summary.unencrypted.push_back({l[0], l[1], l[2], l[3],
                                          l[4] == ToString(Network::kLoopback) ? Network::kLoopback : Network::kRemote,
                                          l[5] == ToString(true), count});
  }
  return std::move(counts.summary);
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
        co_await postgres::QuerySessions(*context.session, context.own_backends, statement, nullptr, context.deadline);
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
    auto summary = std::make_shared<const sessions::Summary>(
        Render(snapshot, options, context.server.policy, collection, server_version, state_, output.sink));
    if (summary->HasUnknown()) output.incomplete.push_back({"encryption", "error"});
    output.facts.Publish(std::move(summary));
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

  State state_;
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
    .descs = kDescs,
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
