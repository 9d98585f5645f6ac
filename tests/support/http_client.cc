#include "tests/support/http_client.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace pgtls::support {
namespace {

class Socket {
 public:
  Socket(const std::string& address, int port) {
    addrinfo hints{};
    hints.ai_flags = AI_NUMERICHOST;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* info = nullptr;
    if (getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &info) != 0) {
      throw std::runtime_error("http: " + address + " is no address");
    }
    fd_ = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval limit{.tv_sec = 30, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    const bool connected = connect(fd_, info->ai_addr, info->ai_addrlen) == 0;
    freeaddrinfo(info);
    if (!connected) {
      close(fd_);
      throw std::runtime_error(std::string("http: connect: ") + std::strerror(errno));
    }
  }
  ~Socket() { close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  std::string Exchange(const std::string& bytes) const {
    // A server may refuse before it has read all: what it answers still counts.
    send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    std::string answer;
    std::array<char, 65536> buffer;
    while (true) {
      const ssize_t n = recv(fd_, buffer.data(), buffer.size(), 0);
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) throw std::runtime_error("http: no answer in time");
      if (n <= 0) return answer;
      answer.append(buffer.data(), static_cast<std::size_t>(n));
    }
  }

 private:
  int fd_ = -1;
};

std::string Lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

HttpResponse Parse(const std::string& answer) {
  HttpResponse response;
  const std::size_t end = answer.find("\r\n\r\n");
  if (!answer.starts_with("HTTP/1.") || end == std::string::npos) return response;
  response.status = std::stoi(answer.substr(9, 3));
  for (std::size_t at = answer.find("\r\n") + 2; at < end;) {
    const std::size_t line_end = answer.find("\r\n", at);
    const std::string line = answer.substr(at, line_end - at);
    const std::size_t colon = line.find(": ");
    if (colon != std::string::npos) response.headers[Lower(line.substr(0, colon))] = line.substr(colon + 2);
    at = line_end + 2;
  }
  response.body = answer.substr(end + 4);
  return response;
}

}  // namespace

std::string HttpExchange(int port, const std::string& bytes, const std::string& address) {
  return Socket(address, port).Exchange(bytes);
}

HttpResponse HttpRequest(int port, const std::string& target, const std::string& method, const std::string& head,
                         const std::string& address) {
  return Parse(HttpExchange(
      port, method + " " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + head + "\r\n", address));
}

std::string HttpGet(int port, const std::string& target, const std::string& address) {
  const HttpResponse response = HttpRequest(port, target, "GET", "", address);
  if (response.status != 200) throw std::runtime_error("http: " + target + ": " + std::to_string(response.status));
  const auto encoding = response.headers.find("content-encoding");
  return encoding != response.headers.end() && encoding->second == "gzip" ? Gunzip(response.body) : response.body;
}

std::string Gunzip(const std::string& body) {
  z_stream stream{};
  if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) throw std::runtime_error("gunzip: no memory");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));  // NOLINT: zlib's interface lacks a const
  stream.avail_in = static_cast<uInt>(body.size());
  std::string out;
  std::array<char, 65536> buffer;
  int status = Z_OK;
  while (status == Z_OK) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = buffer.size();
    status = inflate(&stream, Z_NO_FLUSH);
    out.append(buffer.data(), buffer.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  if (status != Z_STREAM_END) throw std::runtime_error("gunzip: not a gzip body");
  return out;
}

}  // namespace pgtls::support
