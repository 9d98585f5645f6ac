// A libpq client of a server as it would go on the wire: where to, as whom, with which files. For the collectors that
// look at the server from outside.
#pragma once

#include <asio/awaitable.hpp>
#include <chrono>
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
    std::string host;  // what the certificate must name; empty: only an address is known (hostaddr)
  };
  std::vector<Place> places;       // to be tried in this order; never empty
  std::vector<std::string> names;  // of hosts, for SNI, besides `places`; tls::kWithoutSni: for none
  bool more_names = false;         // than are tried
  bool elsewhere = false;          // `endpoint:` is configured: maybe another machine than SQL's
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
  // libpq goes on without `root` where the conninfo names a file that is not there, or that stat() may not see: the
  // errno as ProblemOf() names it. Empty where it is there, or nobody named one.
  std::string root_problem;
  bool direct = false;                            // sslnegotiation=direct
  tls::SslMode weakest = tls::SslMode::kDisable;  // see tls::Observations
  AuthDemands demands;
  std::string problem;  // why `context`, `root` or the identity cannot be used, for the log
  bool usable = true;   // false: libpq's own preparation of TLS fails
};

// nullopt: the server is reached through a Unix socket, where there is no TLS. Throws Error (kConnection) for a name
// that does not resolve. The address is the one that SQL is using (or was last), so that one name with several
// addresses is one machine here.
asio::awaitable<std::optional<WireClient>> MakeWireClient(sampling::Context& context);

// One handshake as libpq makes it, ended politely; where it fails for TLS' sake, or begins without SSLRequest, a second
// one with SSLRequest and everything allowed, which shows at least what is there.
struct Handshakes {
  tls::TlsResult as_libpq;            // decides whether a client can connect
  tls::TlsResult shown;               // of the two, the one that shows more
  std::optional<tls::Answer> answer;  // to SSLRequest
};

// The handshakes of a client that asks for another name.
struct NameLook : Handshakes {
  std::string host;  // or tls::kWithoutSni
};

// The handshakes at the first place that answers to TCP.
struct WireLook : Handshakes {
  std::size_t place = 0;  // index of the place that answered; of the last one where none did
  std::vector<NameLook> names;
};
asio::awaitable<WireLook> LookAt(const WireClient& client, Deadline deadline);

// The same for each of the client's names, and one without SNI if the client's own handshake had it. A place that does
// not offer TLS has no names. A refusal for want of SNI leaves a line in the server's log, and may well be meant: the
// one in `known` (may be null) is taken instead of another attempt.
asio::awaitable<std::vector<NameLook>> LookAtNames(const WireClient& client, const WireLook& look,
                                                   const std::vector<NameLook>* known, Deadline deadline);

// One look as a fact: a collector that runs right after the one that made it need not look again.
struct WireObservation {
  tls::WireTarget target;
  WireLook look;
  Deadline made;
};
// The look of `known` (may be null), if it went to one of the client's places, for the same names, and is not older
// than `age`; null: none.
const WireLook* RecentLook(const WireObservation* known, const WireClient& client, std::chrono::nanoseconds age);

// The point in time at which one of `shares` equal parts of what is left is over.
Deadline Share(Deadline deadline, int shares);

}  // namespace pgtls::wire
