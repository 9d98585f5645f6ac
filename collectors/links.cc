#include "collectors/links.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

#include "collectors/folded.h"
#include "collectors/links_parts.h"
#include "exporter/config/collector_schema.h"
#include "exporter/links/link.h"
#include "exporter/metrics/series_cap.h"
#include "exporter/pgbouncer/driver.h"
#include "exporter/pgbouncer/links.h"
#include "exporter/postgres/driver.h"
#include "exporter/postgres/links.h"
#include "exporter/sessions/session.h"

namespace pgtls::collectors {
namespace {

using links::Link;
using links::Links;
using links::Outgoing;
using links::Replication;
using metrics::Desc;
using metrics::kOther;
using metrics::Sink;
using metrics::Type;

// ---- Descriptors

constexpr Desc kLinkInfo = {"pg_tls_link_info",
                            Type::kGauge,
                            "An outgoing link that the server is configured for, and what its sslmode guarantees; "
                            "always 1.",
                            {"server", "kind", "database", "name", "host", "port", "sslmode", "protection"}};
constexpr Desc kUnprotected = {
    "pg_tls_links_unprotected",
    Type::kGauge,
    "Outgoing links over TCP that may be unencrypted (protection none or optional); 0 if there are none.",
    {"server", "kind", "network"}};
constexpr Desc kLinkConnections = {"pg_tls_link_connections",
                                   Type::kGauge,
                                   "Open outgoing connections by encryption (PgBouncer: to its servers).",
                                   {"server", "kind", "database", "user", "server_addr", "network", "encryption"}};
constexpr Desc kReplicationConnections = {
    "pg_tls_replication_connections",
    Type::kGauge,
    "Open connections of standbys and logical subscribers that replicate from this server, by encryption.",
    {"server", "application_name", "client_addr", "replication", "sync_state", "network", "encryption"}};

constexpr std::array kDescs = {&kLinkInfo, &kUnprotected, &kLinkConnections, &kReplicationConnections};

// ---- Series

// Of each metric: far more than a server has in practice.
constexpr std::size_t kMostSeries = 500;

struct LinkKey {
  std::string_view kind;
  std::string_view database;
  std::string_view name;
  std::string_view host;
  std::string_view port;
  std::string_view sslmode;
  links::Protection protection;

  LinkKey Folded() const { return {kind, kOther, kOther, kOther, kOther, sslmode, protection}; }
  auto Fields() const { return std::tie(kind, database, name, host, port, sslmode, protection); }
  friend auto operator<=>(const LinkKey&, const LinkKey&) = default;
};

struct OutgoingKey {
  std::string_view kind;
  std::string_view database;
  std::string_view user;
  std::string_view server_addr;
  Network network;
  std::optional<Encryption> encryption;

  OutgoingKey Folded() const { return {kind, kOther, kOther, kOther, network, encryption}; }
  auto Fields() const { return std::tie(kind, database, user, server_addr, network, encryption); }
  friend auto operator<=>(const OutgoingKey&, const OutgoingKey&) = default;
};

struct ReplicationKey {
  std::string_view application_name;
  std::string_view client_addr;
  bool logical;
  std::string_view sync_state;
  Network network;
  std::optional<Encryption> encryption;

  ReplicationKey Folded() const { return {kOther, kOther, logical, sync_state, network, encryption}; }
  auto Fields() const { return std::tie(application_name, client_addr, logical, sync_state, network, encryption); }
  friend auto operator<=>(const ReplicationKey&, const ReplicationKey&) = default;
};

struct Caps {
  metrics::SeriesCap<LinkKey> links;
  metrics::SeriesCap<OutgoingKey> outgoing;
  metrics::SeriesCap<ReplicationKey> replication;
};

// Calls add(key, connections) for each series.
template <typename Key>
void AddCapped(const Desc& desc, const metrics::Tally<Key>& tally, metrics::SeriesCap<Key>& cap, Sink& sink, auto add) {
  const metrics::Capped<Key> capped = cap.Apply(tally, kMostSeries);
  for (const auto& [key, connections] : capped.series) add(key, static_cast<double>(connections));
  if (capped.folded > 0) sink.Add(kFolded, {desc.name}, static_cast<double>(capped.folded));
}

void RenderLinks(const Links& found, Caps& caps, Sink& sink) {
  metrics::Tally<LinkKey> tally;
  std::map<std::pair<std::string_view, Network>, std::size_t> unprotected;
  for (const std::string_view kind : found.kinds) {
    for (const Network network : {Network::kLoopback, Network::kRemote}) unprotected[{kind, network}] = 0;
  }
  for (const Link& link : found.links) {
    tally.Add({link.kind, link.database, link.name, link.host, link.port, link.sslmode, link.protection});
    if (links::MayBePlaintext(link.protection)) ++unprotected[{link.kind, link.network}];
  }
  AddCapped(kLinkInfo, tally, caps.links, sink, [&](const LinkKey& key, double /*links*/) {
    sink.Add(kLinkInfo,
             {key.kind, key.database, key.name, key.host, key.port, key.sslmode, links::ToString(key.protection)}, 1);
  });
  for (const auto& [key, number] : unprotected) {
    sink.Add(kUnprotected, {key.first, ToString(key.second)}, static_cast<double>(number));
  }
}

void Render(const Links& found, Caps& caps, Sink& sink) {
  RenderLinks(found, caps, sink);
  metrics::Tally<OutgoingKey> outgoing;
  for (const Outgoing& one : found.outgoing) {
    outgoing.Add({one.kind, one.database, one.user, one.server_addr, one.network, one.encryption});
  }
  AddCapped(kLinkConnections, outgoing, caps.outgoing, sink, [&](const OutgoingKey& key, double connections) {
    sink.Add(kLinkConnections,
             {key.kind, key.database, key.user, key.server_addr, ToString(key.network),
              sessions::EncryptionLabel(key.encryption)},
             connections);
  });
  metrics::Tally<ReplicationKey> replication;
  for (const Replication& one : found.replication) {
    replication.Add({one.application_name, one.client_addr, one.logical, one.sync_state, one.network, one.encryption});
  }
  AddCapped(kReplicationConnections, replication, caps.replication, sink,
            [&](const ReplicationKey& key, double connections) {
              sink.Add(kReplicationConnections,
                       {key.application_name, key.client_addr, key.logical ? "logical" : "physical", key.sync_state,
                        ToString(key.network), sessions::EncryptionLabel(key.encryption)},
                       connections);
            });
}

// ---- Factory

constexpr std::array kKeys = {config::Key<&LinksOptions::max_databases, config::ReadInt<1, 10'000>>("max_databases")};

class Collector : public sampling::Collector {
 public:
  asio::awaitable<void> Collect(sampling::Context& context, sampling::Output& output) override {
    auto found = std::make_shared<const Links>(co_await Read(context, output));
    Render(*found, caps_, output.sink);
    output.facts.Publish(std::move(found));
  }

 private:
  asio::awaitable<Links> Read(sampling::Context& context, sampling::Output& output) {
    if (context.kind == pgbouncer::kKind) return poolers_.Read(context, output.incomplete);
    const int most = context.config.options.As<LinksOptions>().max_databases;
    return postgres::ReadLinks(context, static_cast<std::size_t>(most), refusals_, output);
  }

  Caps caps_;
  pgbouncer::LinkReader poolers_;
  postgres::Refusals refusals_;
};

constexpr std::array kKinds = {postgres::kKind, pgbouncer::kKind};

constexpr sampling::CollectorType kType = {
    .name = "links",
    .help = "Where the server itself connects to, and who replicates from it",
    .connection = sampling::ConnectionKind::kPersistent,
    .descs = kDescs,
    .make = [] { return std::unique_ptr<sampling::Collector>(new Collector()); },
    .parts = kLinksParts,
    .schema = {.interval = std::chrono::minutes(5),
               .timeout = std::chrono::seconds(10),
               .options = [] { return config::CollectorOptions(LinksOptions()); },
               .keys = kKeys},
    .kinds = kKinds,
};

}  // namespace

const sampling::CollectorType& LinksCollector() { return kType; }

}  // namespace pgtls::collectors
