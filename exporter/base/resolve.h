// What a host name means here.
#pragma once

#include <asio/ip/tcp.hpp>
#include <string>
#include <vector>

namespace pgtls {

// The addresses of a name, or of a numeric address, in the resolver's order. `port` is a number or empty. With
// `numeric`, no name is resolved. Blocks. Throws Error (kConnection): "cannot resolve NAME: why".
std::vector<asio::ip::tcp::endpoint> Resolve(const std::string& host, const std::string& port, bool numeric = false);

}  // namespace pgtls
