// The addresses of a socket's ends.
#pragma once

#include <optional>

#include "exporter/base/net_address.h"

namespace pgtls::db {

// Numeric, with the interface of a link-local address, which PQhostaddr leaves out.
struct SocketName {
  ZonedAddress address;
  int port;
};

// nullopt: a Unix socket, or a socket without such an end.
std::optional<SocketName> LocalName(int socket);
std::optional<SocketName> PeerName(int socket);

}  // namespace pgtls::db
