// What libpq makes of a conninfo together with its service file and its environment, before any packet is sent.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/base/net_address.h"

namespace pgtls::db {

// The merged options of a connection. Values are libpq's: `host` and `port` may be comma-separated lists. No password
// is kept.
struct Target {
  std::map<std::string, std::string, std::less<>> options;

  // Empty where the option is unset.
  const std::string& option(std::string_view name) const;
  // The first host: a name, an address, a socket directory ("/…" or "@…"). libpq's default is the socket directory it
  // was built with.
  std::string host() const;
  std::string port() const;
  bool is_unix_socket() const;
  // `server` label for --dsn: "host:port", or the socket directory.
  std::string DisplayName() const;
};

// Throws ConfigError with libpq's own message for a conninfo that it does not understand (unknown option, missing
// service). `password` never comes back in options or in an error.
Target ResolveTarget(const std::string& conninfo);

// Where a connection really ended up.
struct Peer {
  std::optional<IpAddress> address;  // absent over a Unix socket
  int port = 0;
  std::string host;  // the entry of the host list that was used, as certificates are checked against it
  std::string user;
  std::string database;
  std::string zone{};  // of a link-local address: the interface
  // Over a Unix socket the process that listens on it; 0 where that is in another pid namespace.
  std::optional<int> listener_pid = std::nullopt;

  // The same server: whoever logs in there.
  bool IsAt(const Peer& other) const {
    return address == other.address && zone == other.zone && port == other.port && host == other.host;
  }
};

}  // namespace pgtls::db
