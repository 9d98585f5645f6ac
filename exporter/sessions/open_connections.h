// The open connections of a server, as a fact for the hba collector, which finds the rule of each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "exporter/base/net_address.h"
#include "exporter/sessions/session.h"
#include "exporter/sessions/shown_client.h"

namespace pgtls::sessions {

// Connections that have all of these properties in common.
struct OpenConnection {
  std::string user;
  std::string database;              // empty with `replication`
  std::optional<IpAddress> address;  // as the server shows it; absent as in Origin
  Network network = Network::kLocal;
  std::optional<Encryption> encryption = Encryption::kNone;
  bool replication = false;  // physical
  bool client_certificate = false;
  ShownClient client;  // as UnencryptedGroup has it
  std::size_t connections = 0;

  friend bool operator==(const OpenConnection&, const OpenConnection&) = default;
};

// All that have authenticated, without those of the exporter.
struct OpenConnections {
  // Identifies the server that they are open on, in microseconds since the epoch by its clock. They ended with it if
  // another postmaster answers now.
  std::int64_t postmaster_start_us = 0;
  std::vector<OpenConnection> connections;

  friend bool operator==(const OpenConnections&, const OpenConnections&) = default;
};

}  // namespace pgtls::sessions
