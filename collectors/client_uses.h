// The client certificates that sessions use: when they end, by the inventory of the configuration.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "exporter/config/collector_schema.h"
#include "exporter/files/client_inventory.h"
#include "exporter/metrics/desc.h"
#include "exporter/metrics/sink.h"
#include "exporter/sessions/client_certificates.h"
#include "exporter/tls/inventory.h"

namespace pgtls::collectors {

inline constexpr metrics::Desc kClientNotAfter = {
    "pg_tls_client_certificate_not_after_timestamp_seconds",
    metrics::Type::kGauge,
    "End of a client certificate that sessions use or used, by the inventory, in seconds since "
    "the epoch.",
    {"server", "user", "client_dn", "issuer_dn", "serial"}};
inline constexpr metrics::Desc kClientNotBefore = {
    "pg_tls_client_certificate_not_before_timestamp_seconds",
    metrics::Type::kGauge,
    "Start of the client certificate's validity, if its file is in the inventory, in seconds "
    "since the epoch.",
    {"server", "user", "client_dn", "issuer_dn", "serial"}};
inline constexpr metrics::Desc kClientLastSeen = {
    "pg_tls_client_certificate_last_seen_timestamp_seconds",
    metrics::Type::kGauge,
    "When a session with this client certificate was last observed, in seconds since the epoch.",
    {"server", "user", "client_dn", "issuer_dn", "serial"}};
inline constexpr metrics::Desc kClientUnknown = {
    "pg_tls_client_certificate_unknown_connections",
    metrics::Type::kGauge,
    "Open connections with a client certificate that is in no inventory: its end is not known.",
    {"server", "user", "issuer_dn"}};
inline constexpr metrics::Desc kClientRevoked = {"pg_tls_client_certificate_revoked_connections",
                                                 metrics::Type::kGauge,
                                                 "Open connections with a client certificate that was revoked.",
                                                 {"server", "user", "client_dn", "serial"}};
inline constexpr metrics::Desc kClientAddress = {
    "pg_tls_client_certificate_client_info",
    metrics::Type::kGauge,
    "An address that uses a client certificate which was revoked or ends within 30 days; always 1.",
    {"server", "user", "client_dn", "issuer_dn", "serial", "client_addr"}};

inline constexpr std::chrono::days kDefaultClientKeep{7};

// `client_inventory: {files: […], openssl_index: […]}` and `client_certificates: {keep: 7d}`. They throw ConfigError at
// the node's position.
files::InventoryPaths ReadClientInventory(const config::Node& node, config::Files& files);
config::Milliseconds ReadClientKeep(const config::Node& node, config::Files& files);

struct ClientUsesQuestion {
  std::shared_ptr<const sessions::ClientCertificates> seen;  // null: not known
  files::InventoryPaths paths;
  std::chrono::seconds keep{};
  std::string own_file;  // the exporter's own client certificate; empty: it has none
  std::string own_user;
};

struct ClientUsesFound {
  std::vector<tls::ClientUse> uses;                  // those that end first come first
  std::vector<sampling::IncompletePart> incomplete;  // of the part `client_inventory`
};

// Without an inventory only those that were revoked. `files`: decoded, for their revocation lists. Blocks.
ClientUsesFound FindClientUses(const ClientUsesQuestion& question, const std::vector<tls::FileReport>& files,
                               std::chrono::sys_seconds now);

// At most `max_series` certificates have series. Returns how many have none.
std::size_t RenderClientUses(const std::vector<tls::ClientUse>& uses, std::size_t max_series,
                             std::chrono::sys_seconds now, metrics::Sink& sink);

}  // namespace pgtls::collectors
