#include "exporter/db/closing_sockets.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace pgtls::db {
namespace {

bool IsConnected(int socket) {
  sockaddr_storage peer{};
  socklen_t size = sizeof(peer);
  return getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size) == 0;  // NOLINT(*-reinterpret-cast)
}

// A host that disappeared must not count forever. These calls fail on a Unix socket, whose server cannot disappear
// without closing it.
void GiveUpInAMinute(int socket) {
  const auto set = [socket](int level, int option, int value) {
    setsockopt(socket, level, option, &value, sizeof(value));
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 30);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 60'000);
}

// Data that the server still sends are read and discarded: unread bytes would hide the end of the connection.
bool IsClosedByServer(int socket) {
  std::array<char, 4096> dropped{};
  for (;;) {
    const ssize_t size = recv(socket, dropped.data(), dropped.size(), MSG_DONTWAIT);
    if (size > 0 || (size < 0 && errno == EINTR)) continue;
    return size == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
  }
}

}  // namespace

ClosingSockets::~ClosingSockets() {
  for (const int socket : sockets_) close(socket);
}

void ClosingSockets::Finish(ConnHandle conn) {
  if (!conn) return;
  const int socket = PQsocket(conn.get());
  const int kept = socket >= 0 && IsConnected(socket) ? fcntl(socket, F_DUPFD_CLOEXEC, 0) : -1;
  conn.reset();
  if (kept < 0) return;
  shutdown(kept, SHUT_WR);
  GiveUpInAMinute(kept);
  const std::lock_guard lock(mutex_);
  sockets_.push_back(kept);
}

std::size_t ClosingSockets::CloseEnded() {
  const std::lock_guard lock(mutex_);
  std::erase_if(sockets_, [](int socket) {
    const bool closed = IsClosedByServer(socket);
    if (closed) close(socket);
    return closed;
  });
  return sockets_.size();
}

}  // namespace pgtls::db
