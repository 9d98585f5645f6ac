#include "exporter/front/client_connection.h"

#include <array>
#include <exception>
#include <utility>

#include "exporter/access/client_network.h"
#include "exporter/base/completion.h"
#include "exporter/base/log.h"
#include "exporter/http/response_writer.h"

namespace pgtls::front {
namespace {

constexpr std::size_t kReadBytes = 2048;
constexpr std::size_t kRelayBytes = std::size_t{64} * 1024;
// How much a refused client may still send before the connection is closed: closing with unread bytes would discard our
// response.
constexpr std::size_t kLingerBytes = std::size_t{1024} * 1024;
constexpr std::chrono::milliseconds kLinger{2000};

// Removes a port from the register before its socket is closed.
class Registration {
 public:
  Registration(Peers& peers, std::uint16_t port, std::shared_ptr<Peer> peer) : peers_(peers), port_(port) {
    peers_.Register(port, std::move(peer));
  }
  ~Registration() { peers_.Unregister(port_); }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

 private:
  Peers& peers_;
  std::uint16_t port_;
};

// The loopback socket, bound but not connected yet.
class SocketHolder {
 public:
  SocketHolder(asio::ip::tcp::socket& socket, const std::string& address) : socket_(socket) {
    socket_.open(asio::ip::tcp::v4());
    socket_.bind({asio::ip::make_address_v4(address), 0});
  }
  ~SocketHolder() {
    asio::error_code ignored;
    socket_.close(ignored);
  }
  SocketHolder(const SocketHolder&) = delete;
  SocketHolder& operator=(const SocketHolder&) = delete;

 private:
  asio::ip::tcp::socket& socket_;
};

}  // namespace

ClientConnection::ClientConnection(asio::ip::tcp::socket socket, FrontShared& shared)
    : shared_(shared),
      transport_(std::move(socket)),
      network_(access::ClientNetwork(transport_.client())),
      inner_(transport_.executor()) {
  Enter(Phase::kHead, shared_.limits.head);
}

void ClientConnection::Enter(Phase phase, std::chrono::milliseconds limit) {
  if (phase_ == Phase::kClosed) return;
  phase_ = phase;
  since_ = last_progress_ = Clock::now();
  deadline_ = since_ + limit;
}

void ClientConnection::NoteProgress(Clock::time_point now) {
  if (phase_ != Phase::kResponding) return;
  const int before = std::exchange(unacknowledged_, transport_.UnacknowledgedBytes());
  if (unacknowledged_ < before) last_progress_ = now;  // writing in between counted as progress already
}

void ClientConnection::Abort() {
  if (phase_ == Phase::kClosed) return;
  phase_ = Phase::kClosed;
  transport_.Close();
  // Ends the wait on inner_, too. That socket stays open until its port is removed from the register.
  cancellation_.emit(asio::cancellation_type::terminal);
}

asio::awaitable<void> ClientConnection::Run(std::shared_ptr<ClientConnection> self) {
  try {
    co_await self->Talk();
  } catch (const std::exception& error) {
    // Cancelled, or out of memory or descriptors: it ends either way.
    log::Debug("connection ended", {{"client", self->transport_.client()}, {"error", error.what()}});
  }
  self->transport_.ShutdownSend();
  self->transport_.Close();
  self->phase_ = Phase::kClosed;
}

asio::awaitable<void> ClientConnection::Talk() {
  co_await shared_.gate->Refresh();
  transport_.UseTls(shared_.gate->config()->tls);
  const auto handshake = co_await transport_.Handshake();
  if (handshake == Transport::HandshakeResult::kNo) co_return;
  if (handshake == Transport::HandshakeResult::kPlainHttp) {
    http::Response response = http::PlainResponse(400);
    response.body = "This port requires HTTPS.\n";
    co_await Refuse(std::move(response), false);
    co_return;
  }
  for (;;) {
    const auto head = co_await ReadRequest();
    if (!head) co_return;
    const Next next = co_await Serve(*head);
    if (next == Next::kEnd) co_return;
    Enter(Phase::kHead, shared_.limits.idle);
  }
}

// The request, and data after it, stay in received_.
asio::awaitable<std::optional<http::RequestHead>> ClientConnection::ReadRequest() {
  bool begun = false;
  std::optional<http::RequestHead> head;
  for (;;) {
    // RFC 9112, 2.2: empty lines before a request are ignored.
    while (received_.starts_with("\r\n")) received_.erase(0, 2);
    if (!head && !received_.empty() && received_ != "\r") {
      if (!begun) Enter(Phase::kHead, shared_.limits.head);
      begun = true;
      auto parsed = http::ParseRequestHead(received_);
      if (!parsed) {
        co_await Refuse(http::PlainResponse(parsed.error()), false);
        co_return std::nullopt;
      }
      head = std::move(*parsed);
      if (head && head->expects_continue && received_.size() < head->head_bytes + head->body_bytes) {
        const bool written = co_await Write("HTTP/1.1 100 Continue\r\n\r\n");
        if (!written) co_return std::nullopt;
      }
    }
    if (head && received_.size() >= head->head_bytes + head->body_bytes) co_return head;
    std::array<char, kReadBytes> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by Read
    const std::size_t bytes = co_await transport_.Read(buffer);
    if (bytes == 0) co_return std::nullopt;
    received_.append(buffer.data(), bytes);
  }
}

asio::awaitable<ClientConnection::Next> ClientConnection::Serve(const http::RequestHead& head) {
  Enter(Phase::kServing, shared_.limits.handler);
  const std::size_t bytes = head.head_bytes + head.body_bytes;
  std::string request = head.origin_form.value_or(received_.substr(0, head.head_bytes));
  request += received_.substr(head.head_bytes, head.body_bytes);
  received_.erase(0, bytes);
  received_.shrink_to_fit();
  const int refusal = co_await shared_.gate->Check(transport_.client(), head.authorization);
  if (refusal != 0) {
    http::Response response = http::PlainResponse(refusal);
    if (refusal == 401) response.headers.emplace_back("WWW-Authenticate", R"(Basic realm="pg_tls_exporter")");
    co_await Refuse(std::move(response), head.head_only);
    co_return Next::kEnd;
  }
  Enter(Phase::kQueued, shared_.limits.handler);
  FairSemaphore::Permit permit =
      co_await shared_.permits.Acquire(transport_.executor(), network_, Clock::now() + shared_.limits.queue);
  if (!permit) {
    co_await Refuse(http::PlainResponse(503), head.head_only);
    co_return Next::kEnd;
  }
  Enter(Phase::kServing, shared_.limits.handler);
  const Next next = co_await Relay(head, std::move(request), std::move(permit));
  co_return next;
}

asio::awaitable<ClientConnection::Next> ClientConnection::Relay(const http::RequestHead& head, std::string request,
                                                                FairSemaphore::Permit permit) {
  const auto peer = std::make_shared<Peer>();
  peer->client = transport_.client();
  peer->keep_alive = head.keep_alive;
  const auto config = shared_.gate->config();
  peer->site_headers = {config, &config->headers};
  bool begun = false;
  bool whole = false;
  {
    // Held until the last byte, so there are never more pages in memory than workers.
    const FairSemaphore::Permit held = std::move(permit);
    const Carried carried = co_await CarryFromWorker(peer, std::move(request), begun);
    if (carried == Carried::kClientGone) co_return Next::kEnd;
    // The rest without the part before it would be a different response.
    whole = begun && carried == Carried::kAll && peer->complete;
    if (whole && peer->rest.size() > 0) {
      http::BodyReader rest(peer->rest);
      for (std::string_view block = rest.Next(); !block.empty(); block = rest.Next()) {
        const bool written = co_await Write(block);
        if (!written) co_return Next::kEnd;
      }
    }
  }
  if (whole) co_return head.keep_alive ? Next::kRequest : Next::kEnd;
  if (!begun) co_await Refuse(http::PlainResponse(500), head.head_only);
  co_return Next::kEnd;
}

asio::awaitable<ClientConnection::Carried> ClientConnection::CarryFromWorker(const std::shared_ptr<Peer>& peer,
                                                                             std::string request, bool& begun) {
  const SocketHolder socket(inner_, shared_.peers.address());
  const Registration registration(shared_.peers, inner_.local_endpoint().port(), peer);
  const bool sent = co_await SendRequest(request, shared_.inner_port);
  if (!sent) co_return Carried::kPart;
  const auto buffer = std::make_unique_for_overwrite<char[]>(kRelayBytes);
  for (;;) {
    const auto [error, bytes] = co_await inner_.async_read_some(asio::buffer(buffer.get(), kRelayBytes), kAsTuple);
    if (error) co_return error == asio::error::eof ? Carried::kAll : Carried::kPart;
    if (!begun) Enter(Phase::kResponding, shared_.limits.response);
    begun = true;
    const bool written = co_await Write({buffer.get(), bytes});
    if (!written) co_return Carried::kClientGone;
  }
}

asio::awaitable<bool> ClientConnection::SendRequest(std::string_view request, std::uint16_t port) {
  const asio::ip::tcp::endpoint endpoint(asio::ip::address_v4::loopback(), port);
  const auto [refused] = co_await inner_.async_connect(endpoint, kAsTuple);
  if (refused) co_return false;
  const auto [error, bytes] =
      co_await asio::async_write(inner_, asio::buffer(request.data(), request.size()), kAsTuple);
  co_return !error && bytes == request.size();
}

asio::awaitable<void> ClientConnection::Refuse(http::Response response, bool head_only) {
  if (shared_.counter) shared_.counter->Count(http::RequestCounter::kFront, response.status);
  const auto config = shared_.gate->config();
  http::Exchange exchange;
  exchange.head_only = head_only;
  exchange.site_headers = &config->headers;
  std::string bytes;
  http::WriteResponse(std::move(response), exchange, [&bytes](std::string_view text) {
    bytes += text;
    return true;
  });
  Enter(Phase::kHead, kLinger);
  const bool written = co_await Write(bytes);
  if (!written) co_return;
  transport_.ShutdownSend();
  std::size_t drained = 0;
  std::array<char, kReadBytes> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by Read
  while (drained < kLingerBytes) {
    const std::size_t more = co_await transport_.Read(buffer);
    if (more == 0) co_return;
    drained += more;
  }
}

asio::awaitable<bool> ClientConnection::Write(std::string_view text) {
  while (!text.empty()) {
    const std::size_t bytes = co_await transport_.WriteSome(text);
    if (bytes == 0) co_return false;
    last_progress_ = Clock::now();
    text.remove_prefix(bytes);
  }
  co_return true;
}

}  // namespace pgtls::front
