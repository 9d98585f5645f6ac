// Listening sockets for --web.listen-address.
#pragma once

#include <asio.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pgtls::front {

struct ListenAddress {
  std::string host;  // address without brackets, or a name; empty: all addresses of the machine
  std::uint16_t port = 0;
};

// Parses "127.0.0.1:9743", "[::1]:9743", "[fe80::1%eth0]:9743", "localhost:0"; ":9743" and "*:9743" mean all addresses
// of the machine. Throws ConfigError.
ListenAddress ParseListenAddress(std::string_view text);

// Listens on every address given, and on every address that a name resolves to; for a name, port 0 is the same free
// port on all of them. An address family that the machine does not support is skipped if the other one works. Resolves
// names, so it may block. Throws ConfigError with the reason if an address cannot be used; UnavailableError if that may
// change.
std::vector<asio::ip::tcp::acceptor> Listen(asio::io_context& io, const std::vector<std::string>& addresses);

}  // namespace pgtls::front
