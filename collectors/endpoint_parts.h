// What the endpoint collector may get no answer to, and what to do about it.
#pragma once

#include "exporter/sampling/part.h"

namespace pgtls::collectors {

inline constexpr sampling::Remedy kNoAnswerRemedies[] = {
    {"no_answer",
     "Check the server log: the server closed the connection, did not answer in time, or answered with an error that "
     "does not decide this (too many connections, starting up). The exporter tries again after "
     "collectors.endpoint.enforcement_interval, or when it is restarted."},
};
inline constexpr sampling::Remedy kNoNameAnswerRemedies[] = {
    {"no_answer",
     "Check the server log, and the proxy's if one answers at this address: for one of the names in endpoint_names or "
     "pg_hosts.conf the handshake had no answer in time. Raise collectors.endpoint.timeout if there are many names on "
     "a slow path."},
    {"too_many",
     "pg_hosts.conf and endpoint_names have more names than the exporter tries: those of endpoint_names come first, "
     "then "
     "the first ones of pg_hosts.conf. Name the most important ones in endpoint_names."},
};
inline constexpr sampling::Remedy kRootRemedies[] = {
    {"missing",
     "The file that sslrootcert names does not exist: correct the path, or put the CA's certificate there. Until then "
     "libpq encrypts without verifying the server."},
    {"permission_denied",
     "The exporter's OS user may not read the file that sslrootcert names: give it read permission on the file and "
     "search permission (x) on its directories."},
    {"unreadable",
     "OpenSSL loads no certificate from the root certificate file (sslrootcert, by default ~/.postgresql/root.crt), so "
     "libpq refuses every TLS connection. Replace it with the CA's certificate in PEM format, and check it: "
     "openssl x509 -in FILE -noout -subject."},
};

// It needs no login: the one thing that ends it early is a name that does not resolve.
inline constexpr sampling::Remedy kEndpointFailures[] = {
    {"connection",
     "Correct the host name in the conninfo (or `endpoint:` in the configuration), or let this machine resolve it: "
     "`getent hosts NAME` must print its address."},
    {"timeout",
     "Check the network and this machine's resolver (`getent hosts NAME`): there was no answer in time. A slow path "
     "needs a larger collectors.endpoint.timeout."},
};

inline constexpr sampling::DeclaredPart kEndpointParts[] = {
    {"plaintext", "whether an unencrypted connection is accepted", kNoAnswerRemedies},
    {"protocol_versions", "which TLS versions are accepted", kNoAnswerRemedies},
    {"key_exchange", "which groups are accepted for the key exchange", kNoAnswerRemedies},
    {"sslmode", "how a client with each sslmode is protected", kNoAnswerRemedies},
    {"direct_tls", "whether TLS without SSLRequest is accepted", kNoAnswerRemedies},
    {"names", "every other host name of the server", kNoNameAnswerRemedies},
    {"sslrootcert", "the certificate chain (the root certificate file cannot be used)", kRootRemedies},
};

}  // namespace pgtls::collectors
