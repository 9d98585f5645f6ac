#include "tests/bench/http_timing.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <string_view>

namespace pgtls::bench {
namespace {

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

class Socket {
 public:
  Socket() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() { close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

  bool SendAll(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

 private:
  int fd_;
};

}  // namespace

Transfer Fetch(int port, const std::string& target, bool gzip) {
  const auto start = std::chrono::steady_clock::now();
  const Socket socket;
  const timeval limit{.tv_sec = 3600, .tv_usec = 0};
  setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  const sockaddr_in address = Loopback(port);
  if (connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error(std::string("fetch: connect: ") + std::strerror(errno));
  }
  socket.SendAll("GET " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" +
                 (gzip ? "Accept-Encoding: gzip\r\n\r\n" : "\r\n"));
  static thread_local std::array<char, 262144> buffer;
  std::string begin;
  Transfer transfer;
  while (true) {
    const ssize_t n = recv(socket.fd(), buffer.data(), buffer.size(), 0);
    if (n < 0) throw std::runtime_error(std::string("fetch: ") + std::strerror(errno));
    if (n == 0) break;
    if (begin.size() < 12) begin.append(buffer.data(), static_cast<std::size_t>(n));
    transfer.bytes += static_cast<std::size_t>(n);
  }
  transfer.ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  if (begin.substr(0, 12).find(" 200") == std::string::npos) {
    throw std::runtime_error("fetch: " + target + ": " + begin.substr(0, 100));
  }
  return transfer;
}

StaticServer::StaticServer(const std::string& body)
    : response_("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" +
                body),
      fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  if (bind(fd_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(fd_, 16) != 0 ||
      getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("no static server");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Serve(); });
}

StaticServer::~StaticServer() {
  shutdown(fd_, SHUT_RDWR);  // ends the accept
  thread_.join();
  close(fd_);
}

void StaticServer::Serve() const {
  while (true) {
    const int fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const Socket client(fd);
    std::string request;
    std::array<char, 4096> buffer;
    while (request.find("\r\n\r\n") == std::string::npos) {
      const ssize_t n = recv(fd, buffer.data(), buffer.size(), 0);
      if (n <= 0) break;
      request.append(buffer.data(), static_cast<std::size_t>(n));
    }
    client.SendAll(response_);
  }
}

}  // namespace pgtls::bench
