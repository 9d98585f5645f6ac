// The sessions of one snapshot, counted for each metric by typed keys. Nothing here knows a protocol or a label's text.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>

#include "exporter/metrics/series_cap.h"
#include "exporter/metrics/tally.h"
#include "exporter/sessions/exemptions.h"
#include "exporter/sessions/open_connections.h"
#include "exporter/sessions/requirements.h"
#include "exporter/sessions/session.h"
#include "exporter/sessions/session_counter.h"
#include "exporter/sessions/shown_client.h"

namespace pgtls::sessions {

using metrics::kOther;
using metrics::Tally;

// The keys hold views into the rows that the sessions were read from, and into the configuration.

struct ConnectionKey {
  std::string_view database;
  std::string_view user;
  ShownClient client;
  Network network;
  std::string_view backend_type;
  std::optional<Encryption> encryption;

  ConnectionKey Folded() const { return {kOther, kOther, client.Folded(), network, backend_type, encryption}; }
  auto Fields() const { return std::tie(database, user, client, network, backend_type, encryption); }
  friend auto operator<=>(const ConnectionKey&, const ConnectionKey&) = default;
};

struct UnencryptedKey {
  std::string_view database;
  std::string_view user;
  ShownClient client;
  std::string_view application_name;
  Network network;
  bool allowed;

  UnencryptedKey Folded() const { return {kOther, kOther, client.Folded(), kOther, network, allowed}; }
  auto Fields() const { return std::tie(database, user, client, application_name, network, allowed); }
  friend auto operator<=>(const UnencryptedKey&, const UnencryptedKey&) = default;
};

struct ExemptedKey {
  std::string_view exemption;
  std::string_view database;
  std::string_view user;
  ShownClient client;

  // The configuration limits the number of exemptions.
  ExemptedKey Folded() const { return {exemption, kOther, kOther, client.Folded()}; }
  auto Fields() const { return std::tie(exemption, database, user, client); }
  friend auto operator<=>(const ExemptedKey&, const ExemptedKey&) = default;
};

struct CipherKey {
  std::string_view version;
  std::string_view cipher;
  std::string_view bits;

  CipherKey Folded() const { return {version, kOther, kOther}; }
  auto Fields() const { return std::tie(version, cipher, bits); }
  friend auto operator<=>(const CipherKey&, const CipherKey&) = default;
};

struct ClientCertificateKey {
  std::string_view user;
  std::string_view client_dn;
  std::string_view issuer_dn;

  ClientCertificateKey Folded() const { return {kOther, kOther, kOther}; }
  auto Fields() const { return std::tie(user, client_dn, issuer_dn); }
  friend auto operator<=>(const ClientCertificateKey&, const ClientCertificateKey&) = default;
};

struct ViolationKey {
  std::string_view database;
  std::string_view user;
  ShownClient client;
  std::string_view reason;  // of kViolationReasons
  bool allowed;

  ViolationKey Folded() const { return {kOther, kOther, client.Folded(), reason, allowed}; }
  auto Fields() const { return std::tie(database, user, client, reason, allowed); }
  friend auto operator<=>(const ViolationKey&, const ViolationKey&) = default;
};

// The properties by which pg_hba.conf distinguishes connections, and how they are shown.
struct OpenKey {
  std::string_view user;
  std::string_view database;
  std::optional<IpAddress> address;
  Network network;
  std::optional<Encryption> encryption;
  bool replication;
  bool client_certificate;
  ShownClient client;

  auto Fields() const {
    return std::tie(user, database, address, network, encryption, replication, client_certificate, client);
  }
  friend auto operator<=>(const OpenKey&, const OpenKey&) = default;
};

struct Counts {
  using ByNetwork = std::map<std::pair<Network, bool>, std::size_t>;
  static ByNetwork NoneByNetwork() {
    return {{{Network::kLoopback, false}, 0},
            {{Network::kLoopback, true}, 0},
            {{Network::kRemote, false}, 0},
            {{Network::kRemote, true}, 0}};
  }

  Tally<ConnectionKey> connections;
  Tally<UnencryptedKey> unencrypted;
  Tally<CipherKey> ciphers;
  Tally<ClientCertificateKey> client_certificates;
  Tally<OpenKey> open;
  ByNetwork unencrypted_by_network = NoneByNetwork();
  Tally<ExemptedKey> exempted;  // each connection under the first exemption that matches
  Tally<ViolationKey> violations;
  ByNetwork violating_by_network = NoneByNetwork();
  // Of some sessions; see Violations.
  bool requirements_not_shown = false;
  bool issuers_cut = false;
  std::map<Network, std::size_t> authenticating = {
      {Network::kLocal, 0}, {Network::kLoopback, 0}, {Network::kRemote, 0}};
  std::map<std::pair<Network, std::optional<Encryption>>, std::size_t>
      by_protection;                                  // without pairs that have no session
  std::optional<std::int64_t> oldest_unencrypted_us;  // as in Summary
  // Those that the counter counted now, of the kind that PostgreSQL counts in pg_stat_database, by database.
  std::map<std::string_view, std::size_t> new_sessions;
};

struct CountOptions {
  AddressBuckets buckets;
  bool client_addr = false;  // whether ConnectionKey shows addresses
  std::span<const config::Requirement> require = {};
  bool shows_certificates = true;  // of clients
};

// Counts one session, in `counter` too. REQUIRES: `counter` is in a collection.
void Count(const Session& session, const CountOptions& options, const Exemptions& exemptions, SessionCounter& counter,
           Counts& counts);

// The counted connections as a fact, in a fixed order.
OpenConnections OpenConnectionsOf(const Counts& counts, std::int64_t postmaster_start_us);

}  // namespace pgtls::sessions
