// --web.listen-address: from text to listening sockets.
#pragma once

#include <asio.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pgtls::front {

struct ListenAddress {
  std::string host;  // address without brackets, or a name; empty: every address of the machine
  std::uint16_t port = 0;
  friend bool operator==(const ListenAddress&, const ListenAddress&) = default;
};

// "127.0.0.1:9743", "[::1]:9743", "[fe80::1%eth0]:9743", "localhost:0"; ":9743" and "*:9743" are every address of the
// machine. Throws ConfigError.
ListenAddress ParseListenAddress(std::string_view text);

// Listens on every address given, and on every address that a name stands for: there port 0 is one and the same free
// port. A family that the machine does not have is left out where the other can be used. Resolves names, so it may
// block. Throws ConfigError when an address cannot be used, with the reason; UnavailableError where that may pass.
std::vector<asio::ip::tcp::acceptor> Listen(asio::io_context& io, const std::vector<std::string>& addresses);

}  // namespace pgtls::front
