#include "tests/exporter/front/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <utility>

namespace pgtls::front {
namespace {

constexpr int kWaitMilliseconds = 20'000;

bool Ready(int descriptor, short events) {
  pollfd entry{descriptor, events, 0};
  return poll(&entry, 1, kWaitMilliseconds) == 1;
}

std::string Lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

}  // namespace

Client::Client(const std::string& address, const std::string& from, int receive_buffer) {
  const auto colon = address.rfind(':');
  const auto port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
  std::string host = address.substr(0, colon);
  sockaddr_storage storage{};
  socklen_t length = 0;
  if (host.starts_with('[')) {
    host = host.substr(1, host.size() - 2);
    auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = port;
    inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr);
    length = sizeof(v6);
  } else {
    auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
    v4.sin_family = AF_INET;
    v4.sin_port = port;
    inet_pton(AF_INET, host.c_str(), &v4.sin_addr);
    length = sizeof(v4);
  }
  descriptor_ = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (receive_buffer > 0) setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
  if (!from.empty()) {
    sockaddr_in local{};
    local.sin_family = AF_INET;
    const auto at = from.find(':');
    inet_pton(AF_INET, from.substr(0, at).c_str(), &local.sin_addr);
    if (at != std::string::npos) local.sin_port = htons(static_cast<std::uint16_t>(std::stoi(from.substr(at + 1))));
    if (bind(descriptor_, reinterpret_cast<sockaddr*>(&local), sizeof(local)) != 0) return;
  }
  connected_ = connect(descriptor_, reinterpret_cast<sockaddr*>(&storage), length) == 0;
}

Client::~Client() {
  if (descriptor_ >= 0) close(descriptor_);
}

bool Client::StartTls(SSL_CTX* context) {
  ssl_.reset(SSL_new(context));
  SSL_set_fd(ssl_.get(), descriptor_);
  const timeval limit{kWaitMilliseconds / 1000, 0};
  setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  return SSL_connect(ssl_.get()) == 1;
}

bool Client::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t sent = 0;
    if (ssl_) {
      sent = SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
    } else {
      if (!Ready(descriptor_, POLLOUT)) return false;
      sent = send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && errno == EAGAIN) continue;
    }
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void Client::HalfClose() { shutdown(descriptor_, SHUT_WR); }

bool Client::Fill() {
  std::array<char, 65536> bytes{};
  ssize_t got = 0;
  if (ssl_) {
    got = SSL_read(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
  } else {
    timed_out_ = !Ready(descriptor_, POLLIN);
    if (timed_out_) return false;
    got = recv(descriptor_, bytes.data(), bytes.size(), 0);
  }
  if (got <= 0) return false;
  buffer_.append(bytes.data(), static_cast<std::size_t>(got));
  return true;
}

Answer Client::ReadAnswer(bool head_only) {
  Answer answer;
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (!Fill()) return answer;
  }
  answer.head = buffer_.substr(0, end + 2);
  buffer_.erase(0, end + 4);
  answer.status = std::stoi(answer.head.substr(answer.head.find(' ') + 1));
  for (std::size_t at = answer.head.find("\r\n") + 2; at < answer.head.size();) {
    const auto line_end = answer.head.find("\r\n", at);
    const auto colon = answer.head.find(": ", at);
    answer.headers[Lower(answer.head.substr(at, colon - at))] = answer.head.substr(colon + 2, line_end - colon - 2);
    at = line_end + 2;
  }
  if (head_only || answer.status == 100) return answer;
  if (answer.headers.contains("transfer-encoding")) {
    for (;;) {
      while (!buffer_.contains("\r\n")) {
        if (!Fill()) return {};
      }
      const auto size = std::strtoul(buffer_.c_str(), nullptr, 16);
      const auto start = buffer_.find("\r\n") + 2;
      while (buffer_.size() < start + size + 2) {
        if (!Fill()) return {};
      }
      answer.body += buffer_.substr(start, size);
      buffer_.erase(0, start + size + 2);
      if (size == 0) return answer;
    }
  }
  const auto length = std::strtoul(answer.headers["content-length"].c_str(), nullptr, 10);
  while (buffer_.size() < length) {
    if (!Fill()) return {};
  }
  answer.body = buffer_.substr(0, length);
  buffer_.erase(0, length);
  return answer;
}

std::optional<std::string> Client::ReadToEnd() {
  while (Fill()) {
  }
  if (timed_out_) return std::nullopt;
  return std::exchange(buffer_, {});
}

Answer Get(const std::string& address, const std::string& target, const std::string& extra) {
  Client client(address);
  client.Send("GET " + target + " HTTP/1.1\r\nHost: test\r\n" + extra + "\r\n");
  return client.ReadAnswer();
}

}  // namespace pgtls::front
