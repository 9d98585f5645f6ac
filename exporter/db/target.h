// How libpq resolves a conninfo with its service file and environment, before any packet is sent.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/base/net_address.h"

namespace pgtls::db {

// The merged options of a connection, with libpq's values: `host` and `port` may be comma-separated lists. The password
// is not kept.
struct Target {
  std::map<std::string, std::string, std::less<>> options;

  // Returns the value of an option; empty if it is not set.
  const std::string& option(std::string_view name) const;
  // The first host: a name, an address, or a socket directory ("/…" or "@…"). libpq's default is the socket directory
  // that it was built with.
  std::string host() const;
  std::string port() const;
  bool is_unix_socket() const;
  // The label `server` with --dsn: "host:port", or the socket directory.
  std::string DisplayName() const;
};

// Throws ConfigError with libpq's own message if libpq does not accept the conninfo (unknown option, missing service).
// The password is never in the options or in an error.
Target ResolveTarget(const std::string& conninfo);

// One end of a TCP connection.
struct SocketAddress {
  IpAddress address;
  int port = 0;
  friend bool operator==(const SocketAddress&, const SocketAddress&) = default;
};

// TLS as libpq negotiated it.
struct NegotiatedTls {
  std::string version;  // TLSv1.3
  std::string cipher;
};

// The server at the other end of an established connection.
struct Peer {
  std::optional<IpAddress> address;  // absent over a Unix socket
  int port = 0;
  std::string host;  // the entry of the host list that was used: certificates are checked against it
  std::string user;
  std::string database;
  std::string zone{};  // the interface of a link-local address
  // Over a Unix socket, the process that listens on it; 0 if it is in another pid namespace.
  std::optional<int> listener_pid = std::nullopt;

  // Whether both are the same server, whatever the user and database.
  bool IsAt(const Peer& other) const {
    return address == other.address && zone == other.zone && port == other.port && host == other.host;
  }
};

}  // namespace pgtls::db
