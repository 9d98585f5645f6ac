#include "exporter/db/socket_name.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <utility>

namespace pgtls::db {
namespace {

std::optional<SocketName> NameOf(int socket, int (*name)(int, sockaddr*, socklen_t*)) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  if (name(socket, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return std::nullopt;
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  if ((storage.ss_family != AF_INET && storage.ss_family != AF_INET6) ||
      getnameinfo(reinterpret_cast<const sockaddr*>(&storage), size, host.data(), host.size(), port.data(), port.size(),
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return std::nullopt;
  }
  auto address = ZonedAddress::Parse(host.data());
  if (!address) return std::nullopt;
  return SocketName{*std::move(address), std::atoi(port.data())};  // NOLINT(cert-err34-c): it is numeric
}

}  // namespace

std::optional<SocketName> LocalName(int socket) { return NameOf(socket, getsockname); }
std::optional<SocketName> PeerName(int socket) { return NameOf(socket, getpeername); }

}  // namespace pgtls::db
