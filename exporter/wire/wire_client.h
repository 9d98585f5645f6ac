// What a libpq client of a server does on the wire: which addresses it connects to, as which user, with which files.
// For the collectors that test the server from outside.
#pragma once

#include <asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "exporter/sampling/collector.h"
#include "exporter/tls/probe.h"
#include "exporter/tls/sslmode.h"
#include "exporter/tls/verify.h"
#include "exporter/wire/auth_demands.h"

namespace pgtls::wire {

struct WireClient {
  struct Place {
    tls::WireTarget target;
    std::string host;  // that the certificate must name; empty: only an address is known (hostaddr)
  };
  std::vector<Place> places;       // to be tried in this order; never empty
  std::vector<std::string> names;  // of hosts, for SNI, besides `places`; tls::kWithoutSni: for none
  bool more_names = false;         // whether there are more names than the exporter tries
  bool elsewhere = false;          // `endpoint:` is configured: it may be another machine than SQL's
  std::string user;
  std::string database;
  tls::ContextPtr context;  // null where OpenSSL refuses the conninfo's TLS versions
  // libpq's files: sslrootcert, sslcrl, sslcert, sslkey, or their defaults in ~/.postgresql.
  tls::RootCertificate root = tls::RootCertificate::kNone;
  std::string root_file;                                // empty: there is none
  bool root_is_default = false;                         // not named by any setting
  std::shared_ptr<const tls::TrustStore> trust;         // with kLoaded
  std::string certificate_file;                         // of the client; empty: there is none
  std::shared_ptr<const tls::ClientIdentity> identity;  // null: no client certificate
  // The errno, as ProblemOf() names it, if the conninfo names a root file that is missing or that stat() may not reach:
  // libpq then goes on without `root`. Empty if the file exists, or the conninfo names none.
  std::string root_problem;
  bool direct = false;                            // sslnegotiation=direct
  tls::SslMode weakest = tls::SslMode::kDisable;  // see tls::Observations
  AuthDemands demands;
  std::string problem;        // why `context`, `root` or the identity cannot be used, for the log
  tls::OnConnect on_connect;  // registers each connection as the exporter's
  std::int64_t cluster = 0;   // sampling::Context::cluster
  bool usable = true;         // false: libpq's own preparation of TLS fails
};

// Returns nullopt if the server is reached over a Unix socket, which has no TLS. The address is the one that SQL uses
// (or used last), so that SQL and the wire test one machine even if its name has several addresses. Throws Error
// (kConnection) for a name that does not resolve.
asio::awaitable<std::optional<WireClient>> MakeWireClient(sampling::Context& context);

// One handshake as libpq makes it, closed with close_notify. If it fails because of TLS, or begins without SSLRequest,
// a second one follows, with SSLRequest and every version and cipher allowed: it shows what the server has.
struct Handshakes {
  tls::TlsResult as_libpq;            // decides whether a client can connect
  tls::TlsResult shown;               // of the two, the one that shows more
  std::optional<tls::Answer> answer;  // to SSLRequest
};

// The handshakes of a client that asks for another name.
struct NameHandshakes : Handshakes {
  std::string host;  // or tls::kWithoutSni
};

// The handshakes at the first place that answers to TCP.
struct ServerHandshakes : Handshakes {
  std::size_t place = 0;  // index of the place that answered; of the last one if none did
  std::vector<NameHandshakes> names;
};
asio::awaitable<ServerHandshakes> MakeHandshakes(const WireClient& client, Deadline deadline);

// The same for each of the client's names, and one without SNI if the client's own handshake had it. Returns none if
// the place does not offer TLS. A handshake that the server refuses because it lacks SNI leaves a line in the server's
// log, and the refusal may be intended: if `known` (may be null) has one, it is reused instead of another attempt.
asio::awaitable<std::vector<NameHandshakes>> MakeNameHandshakes(const WireClient& client,
                                                                const ServerHandshakes& handshakes,
                                                                const std::vector<NameHandshakes>* known,
                                                                Deadline deadline);

// The handshakes as a fact: a collector that runs right after the one that made them need not repeat them.
struct WireObservation {
  tls::WireTarget target;
  ServerHandshakes handshakes;
  Deadline made;
};
// The handshakes of `known` (may be null), if they went to one of the client's places, for the same names, and are not
// older than `age`; otherwise null.
const ServerHandshakes* RecentHandshakes(const WireObservation* known, const WireClient& client,
                                         std::chrono::nanoseconds age);

// The security level at which the client verifies certificates.
int SecurityLevel(const WireClient& client);

// The end of the first of `shares` equal parts of the time that is left.
Deadline SplitDeadline(Deadline deadline, int shares);

}  // namespace pgtls::wire
