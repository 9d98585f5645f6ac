#include "exporter/tls/probe.h"

#include <algorithm>
#include <asio.hpp>
#include <cstddef>
#include <memory>
#include <utility>

#include "exporter/base/completion.h"
#include "exporter/tls/client_hello.h"

namespace pgtls::tls {
namespace {

using Clock = std::chrono::steady_clock;

// How long a server may take to close its end after the last message.
constexpr auto kLinger = std::chrono::seconds(1);

// A deadline is not an answer of the peer: it must not look like the end of a connection.
bool Failed(const std::error_code& error) {
  if (error == asio::error::operation_aborted) throw std::system_error(error);
  return static_cast<bool>(error);
}

// A TCP connection, or a TLS session on it. Errors are false or nullopt: the connection is then unusable.
class Channel {
 public:
  Channel(const asio::any_io_executor& executor, OnConnect on_connect)
      : socket_(executor), on_connect_(std::move(on_connect)) {}

  asio::awaitable<bool> Connect(const asio::ip::tcp::endpoint& address) {
    auto [error] = co_await socket_.async_connect(address, kAsTuple);
    if (Failed(error)) co_return false;
    socket_.set_option(asio::ip::tcp::no_delay(true), error);
    const asio::ip::tcp::endpoint local = socket_.local_endpoint(error);
    if (!error && on_connect_) on_connect_(local);
    co_return true;
  }

  asio::awaitable<bool> SendRaw(std::string bytes) {
    if (bytes.empty()) co_return true;
    auto [error, sent] = co_await asio::async_write(socket_, asio::buffer(bytes), kAsTuple);
    co_return !Failed(error);
  }

  asio::awaitable<std::optional<std::string>> ReceiveRaw() {
    auto [error, received] = co_await socket_.async_read_some(asio::buffer(received_.get(), kReceived), kAsTuple);
    if (Failed(error)) co_return std::nullopt;
    co_return std::string(received_.get(), received);
  }

  // Exactly one byte: what follows belongs to TLS.
  asio::awaitable<std::optional<char>> ReceiveByte() {
    char byte = 0;
    auto [error, received] = co_await socket_.async_read_some(asio::buffer(&byte, 1), kAsTuple);
    if (Failed(error)) co_return std::nullopt;
    co_return byte;
  }

  bool HasUnreadBytes() const {
    std::error_code error;
    return socket_.available(error) > 0;
  }

  asio::awaitable<void> RunHandshake(TlsSession& session) {
    tls_ = &session;
    for (;;) {
      const Handshake state = session.Step();
      const bool sent = co_await SendRaw(session.TakeOutput());
      if (state != Handshake::kRunning) co_return;
      // A server that refuses may close before all is sent; its alert can still be read.
      std::optional<std::string> bytes = co_await ReceiveRaw();
      if (bytes) {
        session.Feed(*bytes);
      } else {
        session.EndOfInput();
        session.Step();
        co_return;
      }
      if (!sent) session.EndOfInput();
    }
  }

  asio::awaitable<bool> Send(std::string bytes) {
    if (tls_ == nullptr) {
      const bool sent = co_await SendRaw(std::move(bytes));
      co_return sent;
    }
    tls_->Write(bytes);
    const bool sent = co_await SendRaw(tls_->TakeOutput());
    co_return sent;
  }

  // At least one byte.
  asio::awaitable<std::optional<std::string>> Receive() {
    for (;;) {
      if (tls_ != nullptr) {
        std::optional<std::string> text = tls_->Read();
        if (!text || !text->empty()) co_return text;
      }
      std::optional<std::string> bytes = co_await ReceiveRaw();
      if (!bytes || tls_ == nullptr) co_return bytes;
      tls_->Feed(*bytes);
    }
  }

  // Sends close_notify over TLS, then waits for the server to close: closing with unread bytes would send a reset,
  // which the server logs.
  asio::awaitable<void> Close() {
    if (tls_ != nullptr && tls_->handshake() == Handshake::kFinished) {
      tls_->Shutdown();
      co_await SendRaw(tls_->TakeOutput());
    }
    std::error_code error;
    socket_.shutdown(asio::ip::tcp::socket::shutdown_send, error);
    for (;;) {
      const std::optional<std::string> rest = co_await ReceiveRaw();
      if (!rest) co_return;
    }
  }

 private:
  static constexpr std::size_t kReceived = 8192;  // bytes at once

  asio::ip::tcp::socket socket_;
  OnConnect on_connect_;
  TlsSession* tls_ = nullptr;
  // One buffer for all reads: in a coroutine it would be allocated and cleared each time.
  std::unique_ptr<char[]> received_ = std::make_unique_for_overwrite<char[]>(kReceived);
};

// Whether `work` ended before the deadline.
asio::awaitable<bool> EndsInTime(asio::awaitable<void> work, Deadline deadline) {
  bool in_time = true;
  try {
    co_await Within(deadline, "probe", std::move(work));
  } catch (const TimeoutError&) {
    in_time = false;
  }
  co_return in_time;
}

asio::awaitable<void> CloseWithin(Channel& channel, Deadline deadline) {
  auto close = channel.Close();
  co_await EndsInTime(std::move(close), std::min(deadline, After(kLinger)));  // closed anyway by the channel's end
}

// Runs a probe: `work` until the deadline, then a clean end if the connection is still open. After a timeout the result
// has what the probe found before.
asio::awaitable<void> Run(Channel& channel, asio::awaitable<void> work, Deadline deadline) {
  const bool in_time = co_await EndsInTime(std::move(work), deadline);
  if (in_time) co_await CloseWithin(channel, deadline);
}

// A probe that may go on when its caller has left.
struct LoginProbe {
  LoginProbe(const asio::any_io_executor& executor, OnConnect on_connect)
      : channel(executor, std::move(on_connect)), over(executor) {}

  TlsProbe probe;
  std::optional<TlsSession> session;
  Channel channel;
  StartupReader reader;
  std::optional<Admission> admission;
  asio::steady_timer over;  // expires at the deadline; cancelled at the end of the login
};

// Sends a StartupMessage and reads until the outcome is known; sends Terminate if the server admitted it.
asio::awaitable<void> LogIn(LoginProbe& state) {
  const Login& login = *state.probe.login;
  StartupReader& reader = state.reader;
  // A server that has already refused may have closed: its alert can still be read.
  co_await state.channel.Send(StartupMessage(login.user, login.database));
  bool reported = false;
  for (auto now = reader.state(); now == StartupReader::State::kReading || now == StartupReader::State::kLoggedIn;) {
    const std::optional<std::string> bytes = co_await state.channel.Receive();
    now = bytes ? reader.Feed(*bytes) : reader.End();
    if (now != StartupReader::State::kReading) state.admission = reader.admission();
    if (reader.backend_pid() && !reported && login.on_backend) login.on_backend(*reader.backend_pid());
    reported = reader.backend_pid().has_value();
  }
  if (reader.state() == StartupReader::State::kReady) co_await state.channel.Send(Terminate());
}

asio::awaitable<void> Follow(std::shared_ptr<LoginProbe> state, Deadline deadline) {
  co_await Run(state->channel, LogIn(*state), deadline + kFollowed);
  state->over.cancel();
}

// The login goes on without its caller after the deadline: until then the server has not said whether it counts it.
asio::awaitable<void> LogInUntil(std::shared_ptr<LoginProbe> state, Deadline deadline) {
  state->over.expires_at(deadline);
  asio::co_spawn(co_await asio::this_coro::executor, Follow(state, deadline), asio::detached);
  co_await state->over.async_wait(kAsTuple);
  const Login& login = *state->probe.login;
  if (state->reader.request() && login.on_request)
    login.on_request(*state->reader.request(), state->reader.mechanisms());
}

// Up to the login.
asio::awaitable<void> RunTls(Channel& channel, const WireTarget& target, const TlsProbe& probe, TlsSession& session,
                             TlsResult& result) {
  const auto start = Clock::now();
  result.reachable = co_await channel.Connect(target.address);
  if (!result.reachable) co_return;
  const auto connected = Clock::now();
  result.connect_time = connected - start;
  if (!probe.direct) {
    co_await channel.SendRaw(SslRequest());
    const std::optional<char> byte = co_await channel.ReceiveByte();
    result.answer = SslAnswer(byte);
    result.negotiate_time = Clock::now() - connected;
    if (result.answer != Answer::kYes) co_return;
    if (channel.HasUnreadBytes()) {  // the server may not send before our ClientHello
      result.handshake = Handshake::kBroken;
      result.failure = "unencrypted data after the answer to SSLRequest";
      co_return;
    }
  }
  const auto negotiated = Clock::now();
  co_await channel.RunHandshake(session);
  result.handshake = session.handshake();
  result.failure = session.failure();
  result.alert = session.alert();
  if (result.handshake != Handshake::kFinished) co_return;
  result.handshake_time = Clock::now() - negotiated;
  result.facts = session.facts();
  if (probe.direct && result.facts.alpn != kAlpn) {  // TLS 1.3 looks finished to the client, and then the server closes
    result.handshake = Handshake::kBroken;
    result.failure = "the server did not select the ALPN protocol postgresql";
  }
}

asio::awaitable<void> RunGroup(Channel& channel, const WireTarget& target, std::string_view group,
                               std::optional<bool>& result) {
  const bool connected = co_await channel.Connect(target.address);
  if (!connected) co_return;
  co_await channel.SendRaw(SslRequest());
  const std::optional<char> byte = co_await channel.ReceiveByte();
  if (SslAnswer(byte) != Answer::kYes || channel.HasUnreadBytes()) co_return;
  co_await channel.SendRaw(ClientHello(group, target.host));
  HelloReader reader(group);
  while (reader.answer() == HelloReader::Answer::kReading) {
    const std::optional<std::string> bytes = co_await channel.ReceiveRaw();
    if (bytes) {
      reader.Feed(*bytes);
    } else {
      reader.End();
    }
  }
  if (reader.answer() != HelloReader::Answer::kOther) result = reader.answer() == HelloReader::Answer::kAccepted;
}

asio::awaitable<void> RunGss(Channel& channel, const WireTarget& target, std::optional<Answer>& result) {
  const bool connected = co_await channel.Connect(target.address);
  if (!connected) co_return;
  co_await channel.SendRaw(GssEncRequest());
  const std::optional<char> byte = co_await channel.ReceiveByte();
  result = GssAnswer(byte);
}

asio::awaitable<void> Connect(Channel& channel, const WireTarget& target, bool& connected) {
  connected = co_await channel.Connect(target.address);
}

}  // namespace

asio::awaitable<TlsResult> ProbeTls(WireTarget target, TlsProbe probe, Deadline deadline, OnConnect on_connect) {
  TlsResult result;
  const auto state = std::make_shared<LoginProbe>(co_await asio::this_coro::executor, std::move(on_connect));
  state->probe = std::move(probe);
  TlsSession& session = state->session.emplace(state->probe.context, target.host, state->probe.identity.get());
  const bool in_time = co_await EndsInTime(RunTls(state->channel, target, state->probe, session, result), deadline);
  if (!in_time) co_return result;
  if (!state->probe.login || result.handshake != Handshake::kFinished) {
    co_await CloseWithin(state->channel, deadline);
    co_return result;
  }
  co_await LogInUntil(state, deadline);
  result.admission = state->admission;
  result.alert = session.alert();
  result.cut_off = result.admission == Admission::kLost && session.alert().has_value();
  co_return result;
}

asio::awaitable<std::optional<Answer>> ProbeGss(WireTarget target, Deadline deadline, OnConnect on_connect) {
  std::optional<Answer> result;
  Channel channel(co_await asio::this_coro::executor, std::move(on_connect));
  co_await Run(channel, RunGss(channel, target, result), deadline);
  co_return result;
}

asio::awaitable<std::optional<Admission>> ProbePlaintext(WireTarget target, Login login, Deadline deadline,
                                                         OnConnect on_connect) {
  const auto state = std::make_shared<LoginProbe>(co_await asio::this_coro::executor, std::move(on_connect));
  state->probe.login = std::move(login);
  bool connected = false;
  co_await EndsInTime(Connect(state->channel, target, connected), deadline);
  if (connected) co_await LogInUntil(state, deadline);
  co_return state->admission;
}

asio::awaitable<std::optional<bool>> ProbeGroup(WireTarget target, std::string_view group, Deadline deadline,
                                                OnConnect on_connect) {
  std::optional<bool> result;
  Channel channel(co_await asio::this_coro::executor, std::move(on_connect));
  co_await Run(channel, RunGroup(channel, target, group, result), deadline);
  co_return result;
}

}  // namespace pgtls::tls
