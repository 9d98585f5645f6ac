#include "exporter/front/transport.h"

#include <linux/sockios.h>
#include <openssl/err.h>
#include <sys/ioctl.h>

#include <new>
#include <utility>

#include "exporter/base/completion.h"
#include "exporter/base/host_port.h"

namespace pgtls::front {

std::string ToText(const asio::ip::tcp::endpoint& endpoint) {
  auto address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  }
  return JoinHostPort(address.to_string(), std::to_string(endpoint.port()));
}

Transport::Transport(asio::ip::tcp::socket socket) : socket_(std::move(socket)) {
  asio::error_code error;
  const auto endpoint = socket_.remote_endpoint(error);
  if (!error) client_ = ToText(endpoint);
  socket_.set_option(asio::ip::tcp::no_delay(true), error);
  socket_.non_blocking(true, error);
}

void Transport::UseTls(std::shared_ptr<SSL_CTX> context) {
  if (!context || !socket_.is_open()) return;
  context_ = std::move(context);
  ssl_.reset(SSL_new(context_.get()));
  if (!ssl_ || SSL_set_fd(ssl_.get(), socket_.native_handle()) != 1) throw std::bad_alloc();
  SSL_set_mode(ssl_.get(),
               SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
}

Transport::~Transport() = default;

asio::awaitable<bool> Transport::WaitFor(int ssl_error) {
  if (ssl_error != SSL_ERROR_WANT_READ && ssl_error != SSL_ERROR_WANT_WRITE) co_return false;
  const auto what = ssl_error == SSL_ERROR_WANT_READ ? asio::socket_base::wait_read : asio::socket_base::wait_write;
  const auto [error] = co_await socket_.async_wait(what, kAsTuple);
  co_return !error && socket_.is_open();
}

asio::awaitable<Transport::HandshakeResult> Transport::Handshake() {
  if (!socket_.is_open()) co_return HandshakeResult::kNo;
  if (!ssl_) co_return HandshakeResult::kYes;
  for (;;) {
    ERR_clear_error();
    const int result = SSL_accept(ssl_.get());
    if (result == 1) co_return HandshakeResult::kYes;
    const int why = SSL_get_error(ssl_.get(), result);
    const bool plain = why == SSL_ERROR_SSL && ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST;
    ERR_clear_error();
    if (plain) {
      ssl_.reset();
      co_return HandshakeResult::kPlainHttp;
    }
    const bool again = co_await WaitFor(why);
    if (!again) co_return HandshakeResult::kNo;
  }
}

asio::awaitable<std::size_t> Transport::Read(std::span<char> buffer) {
  if (!socket_.is_open()) co_return 0;
  if (!ssl_) {
    const auto [error, bytes] = co_await socket_.async_read_some(asio::buffer(buffer.data(), buffer.size()), kAsTuple);
    co_return error ? 0 : bytes;
  }
  for (;;) {
    ERR_clear_error();
    std::size_t bytes = 0;
    const int result = SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &bytes);
    if (result == 1) co_return bytes;
    const int why = SSL_get_error(ssl_.get(), result);
    ERR_clear_error();
    const bool again = co_await WaitFor(why);
    if (!again) co_return 0;
  }
}

asio::awaitable<std::size_t> Transport::WriteSome(std::string_view text) {
  if (!socket_.is_open()) co_return 0;
  if (!ssl_) {
    const auto [error, bytes] = co_await socket_.async_write_some(asio::buffer(text.data(), text.size()), kAsTuple);
    co_return error ? 0 : bytes;
  }
  for (;;) {
    ERR_clear_error();
    std::size_t bytes = 0;
    const int result = SSL_write_ex(ssl_.get(), text.data(), text.size(), &bytes);
    if (result == 1) co_return bytes;
    const int why = SSL_get_error(ssl_.get(), result);
    ERR_clear_error();
    const bool again = co_await WaitFor(why);
    if (!again) co_return 0;
  }
}

void Transport::ShutdownSend() {
  if (!socket_.is_open()) return;
  if (ssl_ && SSL_is_init_finished(ssl_.get())) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());  // one attempt: a client that does not read the alert does not need it
    ERR_clear_error();
  }
  asio::error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
}

int Transport::UnacknowledgedBytes() {
  int bytes = 0;
  if (!socket_.is_open() || ioctl(socket_.native_handle(), SIOCOUTQ, &bytes) != 0) return 0;
  return bytes;
}

void Transport::Close() {
  asio::error_code ignored;
  socket_.close(ignored);
}

}  // namespace pgtls::front
