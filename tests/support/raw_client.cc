#include "tests/support/raw_client.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace pgtls::support {
namespace {

std::string Int32(std::uint32_t value) {
  const std::uint32_t network = htonl(value);
  return {reinterpret_cast<const char*>(&network), sizeof network};
}

std::uint32_t Number(const std::string& bytes, std::size_t at = 0) {
  std::uint32_t network = 0;
  if (bytes.size() < at + sizeof network) throw std::runtime_error("raw client: a short message");
  std::memcpy(&network, bytes.data() + at, sizeof network);
  return ntohl(network);
}

[[noreturn]] void Fail(const std::string& what) {
  const unsigned long error = ERR_get_error();
  throw std::runtime_error("raw client: " + what + ": " +
                           (error != 0 ? ERR_error_string(error, nullptr) : std::strerror(errno)));
}

struct Address {
  explicit Address(const std::string& host, int port) {
    addrinfo hints{};
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &info) != 0) Fail("address " + host);
  }
  ~Address() { freeaddrinfo(info); }
  Address(const Address&) = delete;
  Address& operator=(const Address&) = delete;
  addrinfo* info = nullptr;
};

}  // namespace

RawClient::RawClient(RawOptions options) : options_(std::move(options)) {
  try {
    Connect();
    if (options_.tls) Negotiate();
    Start();
  } catch (...) {
    if (fd_ >= 0) close(fd_);
    throw;
  }
}

RawClient::~RawClient() {
  ssl_.reset();
  if (fd_ >= 0) close(fd_);
}

void RawClient::Connect() {
  sockaddr_un local{};
  if (options_.host.starts_with('/')) {
    const std::string path = options_.host + "/.s.PGSQL." + std::to_string(options_.port);
    local.sun_family = AF_UNIX;
    if (path.size() >= sizeof local.sun_path) throw std::runtime_error("raw client: path too long");
    std::memcpy(local.sun_path, path.data(), path.size());
    fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd_, reinterpret_cast<sockaddr*>(&local), sizeof local) != 0) Fail("connect " + path);
  } else {
    const Address server(options_.host, options_.port);
    fd_ = socket(server.info->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (!options_.source.empty()) {
      const Address source(options_.source, 0);
      if (bind(fd_, source.info->ai_addr, source.info->ai_addrlen) != 0) Fail("bind " + options_.source);
    }
    if (connect(fd_, server.info->ai_addr, server.info->ai_addrlen) != 0) Fail("connect " + options_.host);
  }
  const timeval limit{.tv_sec = 30, .tv_usec = 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

void RawClient::Negotiate() {
  if (!options_.tls_options.direct) {
    Write(Int32(8) + Int32(80877103));
    const std::string answer = Read(1);
    if (answer != "S") throw std::runtime_error("raw client: SSLRequest was answered '" + answer + "'");
  }
  Handshake();
}

void RawClient::Handshake() {
  const RawTls& tls = options_.tls_options;
  context_.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_security_level(context_.get(), 0);
  SSL_CTX_set_mode(context_.get(), SSL_MODE_AUTO_RETRY);
  if (tls.version != 0) {
    SSL_CTX_set_min_proto_version(context_.get(), tls.version);
    SSL_CTX_set_max_proto_version(context_.get(), tls.version);
  }
  if (!tls.certificate.empty()) {
    BIO* bio = BIO_new_mem_buf(tls.certificate.data(), static_cast<int>(tls.certificate.size()));
    X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    BIO_free(bio);
    bio = BIO_new_mem_buf(tls.key.data(), static_cast<int>(tls.key.size()));
    EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
    BIO_free(bio);
    const bool used =
        SSL_CTX_use_certificate(context_.get(), certificate) == 1 && SSL_CTX_use_PrivateKey(context_.get(), key) == 1;
    X509_free(certificate);
    EVP_PKEY_free(key);
    if (!used) Fail("client certificate");
  }
  ssl_.reset(SSL_new(context_.get()));
  if (tls.direct) {
    static constexpr unsigned char kAlpn[] = "\x0apostgresql";
    SSL_set_alpn_protos(ssl_.get(), kAlpn, sizeof kAlpn - 1);
  }
  SSL_set_fd(ssl_.get(), fd_);
  if (SSL_connect(ssl_.get()) != 1) Fail("handshake");
}

void RawClient::Start() {
  std::string body = Int32(3U << 16U);
  const auto add = [&body](const char* name, const std::string& value) {
    if (!value.empty()) body += std::string(name) + '\0' + value + '\0';
  };
  add("user", options_.user);
  add("database", options_.database);
  add("application_name", options_.application_name);
  add("replication", options_.replication);
  body += '\0';
  Write(Int32(static_cast<std::uint32_t>(body.size() + 4)) + body);
  while (true) {
    const std::string head = Read(5);
    if (head.size() < 5) return;  // kClosed, or kRefused where an error came before
    const std::string message = Read(Number(head, 1) - 4);
    switch (head[0]) {
      case 'R':
        Authenticate(message);
        if (state_ == State::kAuthenticationRequested) return;
        break;
      case 'K':
        pid_ = static_cast<int>(Number(message));
        break;
      case 'Z':
        state_ = State::kReady;
        return;
      case 'E':
        ReadError(message);
        return;
      default:  // parameters and notices
        break;
    }
  }
}

void RawClient::Authenticate(const std::string& body) {
  const int code = static_cast<int>(Number(body));
  if (authentication_ < 0) authentication_ = code;
  if (code == 0) return;
  if (code == 3 && !options_.password.empty() && !options_.stop_at_authentication) {
    Write("p" + Int32(static_cast<std::uint32_t>(options_.password.size() + 5)) + options_.password + '\0');
    return;
  }
  state_ = State::kAuthenticationRequested;
}

void RawClient::ReadError(const std::string& body) {
  state_ = State::kRefused;
  for (std::size_t at = 0; at < body.size() && body[at] != '\0';) {
    const std::string value = body.c_str() + at + 1;
    if (body[at] == 'C') error_sqlstate_ = value;
    if (body[at] == 'R') error_routine_ = value;
    if (body[at] == 'M') error_message_ = value;
    at += value.size() + 2;
  }
}

void RawClient::Write(const std::string& bytes) {
  if (ssl_) {
    if (SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) <= 0) Fail("write");
  } else if (send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size())) {
    Fail("write");
  }
}

std::string RawClient::Read(std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t got = 0;
  while (got < size) {
    if (ssl_) ERR_clear_error();
    const ssize_t n = ssl_ ? SSL_read(ssl_.get(), bytes.data() + got, static_cast<int>(size - got))
                           : recv(fd_, bytes.data() + got, size - got, 0);
    if (n <= 0) {
      // An end is an answer; silence is not.
      pollfd ready{.fd = fd_, .events = POLLIN, .revents = 0};
      if (poll(&ready, 1, 0) == 0) throw std::runtime_error("raw client: no answer in time");
      break;
    }
    got += static_cast<std::size_t>(n);
  }
  bytes.resize(got);
  return bytes;
}

void RawClient::Close() {
  if (state_ == State::kReady) Write("X" + Int32(4));
  shutdown(fd_, SHUT_WR);
  while (!Read(1).empty()) {
  }
}

}  // namespace pgtls::support
