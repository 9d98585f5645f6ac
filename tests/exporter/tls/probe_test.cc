#include "exporter/tls/probe.h"
#include "exporter/base/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "exporter/tls/x509.h"
#include "tests/exporter/tls/scripted_peer.h"
#include "tests/support/files.h"

namespace pgtls::tls {
namespace {

using std::string_literals::operator""s;
using testing::Peer;
using testing::Receive;
using testing::ReceiveAll;
using testing::Send;
using testing::Socket;
using TlsStream = asio::ssl::stream<Socket&>;

class ProbeTest : public ::testing::Test {
 protected:
  // Runs `probe` against a peer with this script.
  template <typename T>
  T Run(Peer::Script script, std::function<asio::awaitable<T>(WireTarget)> probe) {
    asio::io_context loop;
    Peer peer(loop, std::move(script));
    std::optional<T> result;
    auto run = [&]() -> asio::awaitable<void> {
      result.emplace(co_await probe({peer.endpoint(), "localhost"}));
      peer.Stop();
    };
    asio::co_spawn(loop, run, asio::detached);
    loop.run();
    connections_ = peer.connections();
    return std::move(*result);
  }

  TlsResult RunTls(Peer::Script script, TlsProbe probe = {},
                   std::chrono::milliseconds limit = std::chrono::seconds(20)) {
    if (probe.context == nullptr) probe.context = LibpqContext("TLSv1.2", "");
    return Run<TlsResult>(std::move(script),
                          [&](WireTarget target) { return ProbeTls(std::move(target), probe, After(limit)); });
  }

  std::optional<Admission> RunPlaintext(Peer::Script script) {
    const Login login = {"ann", "shop", [this](int pid) { pid_ = pid; }};
    return Run<std::optional<Admission>>(std::move(script), [&](WireTarget target) {
      return ProbePlaintext(std::move(target), login, After(std::chrono::seconds(20)));
    });
  }

  // Reads an SSLRequest and answers it.
  static asio::awaitable<void> Answer(Socket& socket, std::string answer) {
    request_ = co_await Receive(socket, 8);
    co_await Send(socket, std::move(answer));
  }

  // A server that goes through the handshake, and then whatever `then` says.
  Peer::Script Server(const std::function<asio::awaitable<void>(TlsStream&)>& then = {}) {
    return [this, then](Socket& socket) -> asio::awaitable<void> {
      co_await Answer(socket, "S");
      TlsStream stream(socket, context_);
      co_await stream.async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
      handshakes_ += 1;
      if (then) {
        co_await then(stream);
        co_return;
      }
      char byte = 0;
      auto [error, length] = co_await stream.async_read_some(asio::buffer(&byte, 1), kAsTuple);
      end_ = error;
    };
  }

  support::Certificate certificate_ = support::TestCa().IssueForLocalhost();
  asio::ssl::context context_ = testing::ServerContext(certificate_);
  static inline std::string request_;
  int handshakes_ = 0;
  int connections_ = 0;
  std::optional<int> pid_;
  std::error_code end_;
};

TEST_F(ProbeTest, AHandshakeIsFinishedAndClosedWithCloseNotify) {
  const TlsResult result = RunTls(Server());
  EXPECT_TRUE(result.reachable);
  EXPECT_EQ(request_, SslRequest());
  EXPECT_EQ(result.answer, Answer::kYes);
  EXPECT_EQ(result.handshake, Handshake::kFinished) << result.failure;
  EXPECT_EQ(result.facts.version, "TLSv1.3");
  EXPECT_EQ(result.facts.cipher, "TLS_AES_256_GCM_SHA384");
  EXPECT_THAT(result.facts.group, ::testing::AnyOf("X25519", "X25519MLKEM768"));  // OpenSSL 3.0, 3.5
  EXPECT_EQ(result.facts.alpn, "");
  EXPECT_FALSE(result.facts.client_certificate_requested);
  ASSERT_EQ(result.facts.chain.size(), 1u);
  EXPECT_EQ(FactsOf(result.facts.chain[0].get()).subject, "CN=localhost");
  EXPECT_EQ(handshakes_, 1);
  EXPECT_EQ(end_, asio::error::eof);  // close_notify; anything else would be asio::ssl::error::stream_truncated
  EXPECT_TRUE(result.connect_time && result.negotiate_time && result.handshake_time);
  EXPECT_FALSE(result.admission);
}

TEST_F(ProbeTest, ServerAsksForACertificate) {
  context_.set_verify_mode(asio::ssl::verify_peer);
  const TlsResult result = RunTls(Server());
  EXPECT_EQ(result.handshake, Handshake::kFinished);
  EXPECT_TRUE(result.facts.client_certificate_requested);
}

TEST_F(ProbeTest, EachVersionAlone) {
  for (const std::string_view version : TriableVersions()) {
    const TlsResult result = RunTls(Server(), {.context = PinnedContext(version)});
    EXPECT_EQ(result.handshake, Handshake::kFinished) << version << ": " << result.failure;
    EXPECT_EQ(result.facts.version, version);
  }
}

TEST_F(ProbeTest, ARefusedVersionIsTheServersRefusal) {
  SSL_CTX_set_min_proto_version(context_.native_handle(), TLS1_3_VERSION);
  EXPECT_EQ(RunTls(Server(), {.context = PinnedContext("TLSv1")}).handshake, Handshake::kRefusedByServer);
  EXPECT_EQ(RunTls(Server(), {.context = PinnedContext("TLSv1.2")}).handshake, Handshake::kRefusedByServer);
}

TEST_F(ProbeTest, Nobody) {
  WireTarget target;
  target.address = {asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(support::FreePort())};
  const auto probe = [&](const WireTarget&) {
    return ProbeTls(target, {.context = PermissiveContext()}, After(std::chrono::seconds(20)));
  };
  const auto result = Run<TlsResult>([](Socket&) -> asio::awaitable<void> { co_return; }, probe);
  EXPECT_FALSE(result.reachable);
  EXPECT_FALSE(result.answer);
}

TEST_F(ProbeTest, NoAndError) {
  EXPECT_EQ(RunTls([](Socket& socket) { return Answer(socket, "N"); }).answer, Answer::kNo);
  const TlsResult error = RunTls([](Socket& socket) { return Answer(socket, "E\0\0\0\x40SFATAL\0C53300\0Mhello"s); });
  EXPECT_EQ(error.answer, Answer::kError);
  EXPECT_FALSE(error.handshake);
}

TEST_F(ProbeTest, OtherAnswersAreNone) {
  EXPECT_EQ(RunTls([](Socket& socket) { return Answer(socket, "HTTP/1.1 400 Bad Request\r\n"); }).answer,
            Answer::kNone);
  EXPECT_EQ(RunTls([](Socket& socket) { return Answer(socket, ""); }).answer, Answer::kNone);
}

TEST_F(ProbeTest, SilenceInsteadOfAnAnswer) {
  const auto silent = [](Socket& socket) -> asio::awaitable<void> { co_await ReceiveAll(socket); };
  const TlsResult result = RunTls(silent, {}, std::chrono::milliseconds(100));
  EXPECT_TRUE(result.reachable);
  EXPECT_FALSE(result.answer);
}

TEST_F(ProbeTest, GarbageInsteadOfAHandshake) {
  const auto garbage = [](Socket& socket) -> asio::awaitable<void> {
    co_await Answer(socket, "S");
    co_await Receive(socket, 5);
    co_await Send(socket, "this is not TLS at all, not even a little");
    co_await ReceiveAll(socket);
  };
  const TlsResult result = RunTls(garbage);
  EXPECT_EQ(result.answer, Answer::kYes);
  EXPECT_EQ(result.handshake, Handshake::kBroken);
  EXPECT_FALSE(result.handshake_time);
}

TEST_F(ProbeTest, SilenceInsteadOfAHandshake) {
  const auto silent = [](Socket& socket) -> asio::awaitable<void> {
    co_await Answer(socket, "S");
    co_await ReceiveAll(socket);
  };
  const TlsResult result = RunTls(silent, {}, std::chrono::milliseconds(100));
  EXPECT_EQ(result.answer, Answer::kYes);
  EXPECT_FALSE(result.handshake);
}

TEST_F(ProbeTest, EndInsteadOfAHandshake) {
  const TlsResult result = RunTls([](Socket& socket) { return Answer(socket, "S"); });
  EXPECT_EQ(result.answer, Answer::kYes);
  EXPECT_EQ(result.handshake, Handshake::kBroken);
}

TEST_F(ProbeTest, UnencryptedBytesAfterTheAnswerAreNoHandshake) {
  const auto injected = [this](Socket& socket) -> asio::awaitable<void> {
    co_await Answer(socket, "SR\0\0\0\x08\0\0\0\0"s);
    TlsStream stream(socket, context_);
    co_await stream.async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
  };
  const TlsResult result = RunTls(injected);
  EXPECT_EQ(result.handshake, Handshake::kBroken);
  EXPECT_EQ(result.failure, "unencrypted data after the answer to SSLRequest");
}

TEST_F(ProbeTest, AnAlertInsteadOfAServerHello) {
  const auto alert = [](Socket& socket) -> asio::awaitable<void> {
    co_await Answer(socket, "S");
    co_await Receive(socket, 5);
    co_await Send(socket, "\x15\x03\x03\0\2\2\x28"s);  // fatal handshake_failure
    co_await ReceiveAll(socket);
  };
  const TlsResult result = RunTls(alert);
  EXPECT_EQ(result.handshake, Handshake::kRefusedByServer);
  EXPECT_FALSE(result.failure.empty());
}

// Relays between the prober and a real TLS server, one byte at a time.
TEST_F(ProbeTest, OneByteAtATime) {
  asio::io_context behind;
  const auto dribble = [this](Socket& socket) -> asio::awaitable<void> {
    co_await Answer(socket, "S");
    // The server's side over memory.
    const SslPtr ssl(SSL_new(context_.native_handle()));
    BIO* const in = BIO_new(BIO_s_mem());
    BIO* const out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl.get(), in, out);
    SSL_set_accept_state(ssl.get());
    for (;;) {
      char byte = 0;
      const int step = SSL_do_handshake(ssl.get());
      if (step == 1) ++handshakes_;
      for (const char c : DrainBio(out)) co_await Send(socket, std::string(1, c));
      co_await asio::async_read(socket, asio::buffer(&byte, 1), asio::use_awaitable);
      BIO_write(in, &byte, 1);
    }
  };
  const TlsResult result = RunTls(dribble);
  EXPECT_EQ(result.handshake, Handshake::kFinished) << result.failure;
  EXPECT_GT(handshakes_, 0);
}

TEST_F(ProbeTest, DirectTlsSendsNoRequest) {
  static constexpr char kProtocol[] = "\x0apostgresql";
  const auto select = [](SSL*, const unsigned char** out, unsigned char* length, const unsigned char* in, unsigned size,
                         void*) {
    unsigned char* chosen = nullptr;
    const int found =
        SSL_select_next_proto(&chosen, length, reinterpret_cast<const unsigned char*>(kProtocol), 11, in, size);
    *out = chosen;
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
  };
  SSL_CTX_set_alpn_select_cb(context_.native_handle(), select, nullptr);
  const auto server = [this](Socket& socket) -> asio::awaitable<void> {
    TlsStream stream(socket, context_);
    co_await stream.async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
    char byte = 0;
    co_await stream.async_read_some(asio::buffer(&byte, 1), asio::use_awaitable);
  };
  const TlsResult result = RunTls(server, {.direct = true});
  EXPECT_EQ(result.handshake, Handshake::kFinished) << result.failure;
  EXPECT_EQ(result.facts.alpn, "postgresql");
  EXPECT_FALSE(result.answer);
}

TEST_F(ProbeTest, GroupsOfTheKeyExchange) {
  SSL_CTX_set1_groups_list(context_.native_handle(), "X25519:P-256");
  const auto accepts = [this](const Peer::Script& script, std::string_view group) {
    return Run<std::optional<bool>>(script, [group](WireTarget target) {
      return ProbeGroup(std::move(target), group, After(std::chrono::seconds(20)));
    });
  };
  EXPECT_EQ(accepts(Server(), "X25519"), true);
  EXPECT_EQ(accepts(Server(), "P-256"), true);
  EXPECT_EQ(accepts(Server(), "P-384"), false);
  EXPECT_EQ(accepts(Server(), "X25519MLKEM768"), false);
  EXPECT_EQ(handshakes_, 0);
  EXPECT_EQ(accepts([](Socket& socket) { return Answer(socket, "N"); }, "X25519"), std::nullopt);
  EXPECT_EQ(accepts([](Socket& socket) { return Answer(socket, "S"); }, "X25519"), std::nullopt);
  EXPECT_EQ(accepts([](Socket& socket) { return Answer(socket, "S\x15\3\3\0\2\2\x28"s); }, "X25519"), std::nullopt)
      << "an alert that nobody encrypted or authenticated, before the ClientHello";
}

TEST_F(ProbeTest, LogsInOverTls) {
  std::string startup;
  std::string rest;
  const auto login = [&](TlsStream& stream) -> asio::awaitable<void> {
    startup.resize(StartupMessage("ann", "shop").size());
    co_await asio::async_read(stream, asio::buffer(startup), asio::use_awaitable);
    const std::string answer = "R\0\0\0\x08\0\0\0\0K\0\0\0\x0c\0\0\0\x07\0\0\0\0Z\0\0\0\5I"s;
    co_await asio::async_write(stream, asio::buffer(answer), asio::use_awaitable);
    co_await asio::async_read(stream, asio::dynamic_buffer(rest), kAsTuple);
  };
  const TlsResult result = RunTls(Server(login), {.login = Login{"ann", "shop", [this](int pid) { pid_ = pid; }}});
  EXPECT_EQ(startup, StartupMessage("ann", "shop"));
  EXPECT_EQ(result.admission, Admission::kAdmitted);
  EXPECT_EQ(pid_, 7);
  EXPECT_EQ(rest, Terminate());
}

TEST_F(ProbeTest, AnAlertAfterTheHandshakeCutsOff) {
  context_.set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
  const TlsResult result = RunTls(Server(), {.login = Login{"ann", "shop", {}}});
  EXPECT_EQ(result.handshake, Handshake::kFinished);  // TLS 1.3: the client is done before the server has looked
  EXPECT_EQ(result.admission, Admission::kLost);
  EXPECT_TRUE(result.cut_off);
}

TEST_F(ProbeTest, AnEndAfterTheHandshakeProvesNothing) {
  const auto end = [](TlsStream& stream) -> asio::awaitable<void> {
    co_await stream.async_shutdown(asio::use_awaitable);
  };
  const TlsResult result = RunTls(Server(end), {.login = Login{"ann", "shop", {}}});
  EXPECT_EQ(result.admission, Admission::kLost);
  EXPECT_FALSE(result.cut_off);
}

TEST_F(ProbeTest, PlaintextEndsWithoutAWordWhereAPasswordIsAsked) {
  std::string startup;
  std::string rest = "?";
  const auto password = [&](Socket& socket) -> asio::awaitable<void> {
    startup = co_await Receive(socket, StartupMessage("ann", "shop").size());
    co_await Send(socket, "R\0\0\0\x08\0\0\0\3"s);
    rest = co_await ReceiveAll(socket);
  };
  EXPECT_EQ(RunPlaintext(password), Admission::kAdmitted);
  EXPECT_EQ(startup, StartupMessage("ann", "shop"));
  EXPECT_EQ(rest, "");
}

TEST_F(ProbeTest, PlaintextTerminatesWhereItIsLetIn) {
  std::string rest;
  const auto trust = [&](Socket& socket) -> asio::awaitable<void> {
    co_await Receive(socket, StartupMessage("ann", "shop").size());
    for (const char c : "R\0\0\0\x08\0\0\0\0K\0\0\0\x0c\0\0\x10\0\0\0\0\0Z\0\0\0\5I"s)
      co_await Send(socket, std::string(1, c));
    rest = co_await ReceiveAll(socket);
  };
  EXPECT_EQ(RunPlaintext(trust), Admission::kAdmitted);
  EXPECT_EQ(rest, Terminate());
  EXPECT_EQ(pid_, 4096);
}

// The server counts a session then, whether or not the prober has left.
TEST_F(ProbeTest, ALoginIsReadToItsEndWhenItsCallerHasLeft) {
  asio::io_context loop;
  asio::cancellation_signal leave;
  asio::steady_timer left(loop, asio::steady_timer::time_point::max());
  std::string rest;
  Peer peer(loop, [&](Socket& socket) -> asio::awaitable<void> {
    co_await Receive(socket, StartupMessage("ann", "shop").size());
    leave.emit(asio::cancellation_type::terminal);
    co_await left.async_wait(kAsTuple);
    EXPECT_FALSE(pid_);
    co_await Send(socket, "R\0\0\0\x08\0\0\0\0K\0\0\0\x0c\0\0\0\x07\0\0\0\0Z\0\0\0\5I"s);
    rest = co_await ReceiveAll(socket);
  });
  const auto run = [&]() -> asio::awaitable<void> {
    co_await ProbePlaintext({peer.endpoint(), "localhost"}, {"ann", "shop", [this](int pid) { pid_ = pid; }},
                            After(std::chrono::seconds(20)));
  };
  asio::co_spawn(loop, run, asio::bind_cancellation_slot(leave.slot(), [&](const std::exception_ptr&) {
                   left.cancel();
                   peer.Stop();
                 }));
  loop.run();
  EXPECT_EQ(pid_, 7);
  EXPECT_EQ(rest, Terminate());
}

TEST_F(ProbeTest, PlaintextAnswersThatProveNothing) {
  EXPECT_EQ(RunPlaintext([](Socket&) -> asio::awaitable<void> { co_return; }), Admission::kLost);
  EXPECT_EQ(RunPlaintext([](Socket& socket) { return Send(socket, "SSH-2.0-OpenSSH_9.2\r\n"); }), Admission::kLost);
}

TEST_F(ProbeTest, Gss) {
  const auto probe = [](WireTarget target) { return ProbeGss(std::move(target), After(std::chrono::seconds(20))); };
  using Result = std::optional<pgtls::tls::Answer>;
  EXPECT_EQ(Run<Result>([](Socket& socket) { return Answer(socket, "G"); }, probe), pgtls::tls::Answer::kYes);
  EXPECT_EQ(request_, GssEncRequest());
  EXPECT_EQ(Run<Result>([](Socket& socket) { return Answer(socket, "N"); }, probe), pgtls::tls::Answer::kNo);
  EXPECT_EQ(Run<Result>([](Socket& socket) { return Answer(socket, "E"); }, probe), pgtls::tls::Answer::kError);
}

}  // namespace
}  // namespace pgtls::tls
