// The endpoint collector: what a client gets on the wire, without logging in. Over a Unix
// socket it is unsupported.
//
// Every interval: one finished handshake, ended by close_notify, one more for each other name of the server
// (endpoint_names, pg_hosts.conf), and one GSSENCRequest; these leave no line in the server's log, unless it refuses a
// name. What the server refuses leaves lines, so plaintext, the TLS versions, direct TLS, the groups of the key
// exchange and the StartupMessage over TLS are tried only every enforcement_interval (± 10 %), at the first collection
// that reaches the server, and when the answer to SSLRequest, the address, or an input of the server's decision (user,
// database, client certificate …) has changed. In between the last results are kept. No password is ever sent.
//
// Parts that may be incomplete: `plaintext`, `protocol_versions`, `key_exchange`, `sslmode`, `direct_tls`, `names`
// (tried without an answer), `sslrootcert` (cannot be used, or the conninfo names a file that is not there).
//
// Facts: tls::EndpointFacts, wire::WireObservation.
#pragma once

#include <chrono>

#include "exporter/sampling/collector.h"

namespace pgtls::collectors {

struct EndpointOptions {
  std::chrono::milliseconds enforcement_interval = std::chrono::hours(1);
  friend bool operator==(const EndpointOptions&, const EndpointOptions&) = default;
};

const sampling::CollectorType& EndpointCollector();

}  // namespace pgtls::collectors
