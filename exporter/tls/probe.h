// Drives the negotiation over sockets. One call is one connection, ended cleanly: a handshake is finished and closed
// with close_notify, a session ended with Terminate, so that the server logs only what it refuses.
//
// No function throws because of what a peer sends or does not send in time: the result shows how far the connection
// got. Used on an executor's thread.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/base/deadline.h"
#include "exporter/tls/context.h"
#include "exporter/tls/negotiation.h"
#include "exporter/tls/tls_session.h"

namespace pgtls::tls {

// Where to connect. `host` is the name that a client would use: for SNI.
struct WireTarget {
  asio::ip::tcp::endpoint address;
  std::string host;
  friend bool operator==(const WireTarget&, const WireTarget&) = default;
};

// In a list of names: a handshake without SNI. PostgreSQL's pg_hosts.conf has it, and it is no valid host name.
inline constexpr std::string_view kWithoutSni = "/no_sni/";

// How long after its deadline a login is read on without a caller: the server that admits it counts a session, whether
// or not anybody waits for the answer.
inline constexpr std::chrono::seconds kFollowed{10};

// A StartupMessage to send. `on_backend`: called with this backend's pid as soon as it is known, if the server admits
// the login without asking for credentials; up to kFollowed after the probe's deadline, also if the probe was
// cancelled, and kept until then: it owns what it uses. `on_request`: the code of the server's authentication request,
// 0 for AuthenticationOk, and the mechanisms that it names if it asks for SASL; only before the probe returns. Both may
// be empty.
struct Login {
  std::string user;
  std::string database;
  std::function<void(int)> on_backend;
  std::function<void(std::uint32_t, const std::vector<std::string>& mechanisms)> on_request = nullptr;
};

// Called with the exporter's end of the connection as soon as it is made. May be empty.
using OnConnect = std::function<void(const asio::ip::tcp::endpoint& local)>;

struct TlsProbe {
  ContextPtr context;
  std::shared_ptr<const ClientIdentity> identity;  // may be null
  bool direct = false;                             // TLS from the first byte (17 and later) instead of SSLRequest
  std::optional<Login> login;                      // goes on with a StartupMessage
};

// Absent: not reached, or not in time.
struct TlsResult {
  bool reachable = false;
  std::optional<Answer> answer;        // always absent with `direct`
  std::optional<Handshake> handshake;  // never kRunning
  TlsFacts facts;                      // of a handshake that finished
  std::string failure;                 // why a handshake did not finish, for the log
  std::optional<int> alert;            // the server's last fatal alert (RFC 8446, 6)
  std::optional<Admission> admission;
  bool cut_off = false;  // after the handshake the server ended the connection with an alert (TLS 1.3 refuses a client
                         // certificate only then)
  std::optional<std::chrono::nanoseconds> connect_time;
  std::optional<std::chrono::nanoseconds> negotiate_time;
  std::optional<std::chrono::nanoseconds> handshake_time;
};
asio::awaitable<TlsResult> ProbeTls(WireTarget target, TlsProbe probe, Deadline deadline, OnConnect on_connect = {});

// The answer to GSSENCRequest; nullopt: not reached, or none in time.
asio::awaitable<std::optional<Answer>> ProbeGss(WireTarget target, Deadline deadline, OnConnect on_connect = {});

// A StartupMessage in plaintext; nullopt: not reached, or no answer in time.
asio::awaitable<std::optional<Admission>> ProbePlaintext(WireTarget target, Login login, Deadline deadline,
                                                         OnConnect on_connect = {});

// Whether the server accepts this one of kKeyExchangeGroups for TLS 1.3, after SSLRequest. Nothing is agreed on: the
// server logs a handshake that did not finish. nullopt: not reached, or an answer that proves nothing.
asio::awaitable<std::optional<bool>> ProbeGroup(WireTarget target, std::string_view group, Deadline deadline,
                                                OnConnect on_connect = {});

}  // namespace pgtls::tls
