// The certificates collector's samples: which series there are of what it has found.
#pragma once

#include <array>
#include <cstddef>

#include "exporter/metrics/desc.h"
#include "exporter/metrics/sink.h"
#include "exporter/tls/inventory.h"

namespace pgtls::collectors {

inline constexpr metrics::Desc kNotAfter = {"pg_tls_certificate_not_after_timestamp_seconds",
                                            metrics::Type::kGauge,
                                            "End of the certificate's validity, whether or not it can be verified.",
                                            {"server", "source", "role", "path", "position", "subject"}};
inline constexpr metrics::Desc kNotBefore = {"pg_tls_certificate_not_before_timestamp_seconds",
                                             metrics::Type::kGauge,
                                             "Start of the certificate's validity, whether or not it can be verified.",
                                             {"server", "source", "role", "path", "position", "subject"}};
inline constexpr metrics::Desc kInfo = {
    "pg_tls_certificate_info",
    metrics::Type::kGauge,
    "What the certificate says of itself.",
    {"server", "source", "role", "path", "position", "subject", "issuer", "serial", "fingerprint_sha256",
     "key_algorithm", "key_size", "signature_algorithm", "san", "self_signed"}};
inline constexpr metrics::Desc kReadable = {"pg_tls_certificate_file_readable",
                                            metrics::Type::kGauge,
                                            "Whether the whole file could be read as what it should be.",
                                            {"server", "role", "path"}};
inline constexpr metrics::Desc kFileError = {"pg_tls_certificate_file_error_info",
                                             metrics::Type::kGauge,
                                             "Why the file could not be read, or not as a whole.",
                                             {"server", "role", "path", "reason"}};
inline constexpr metrics::Desc kCrlNextUpdate = {
    "pg_tls_crl_next_update_timestamp_seconds",
    metrics::Type::kGauge,
    "When the issuer's certificates begin to be refused, since no revocation list is in force.",
    {"server", "path", "issuer"}};
inline constexpr metrics::Desc kChainNotAfter = {
    "pg_tls_certificate_chain_not_after_timestamp_seconds",
    metrics::Type::kGauge,
    "The earliest end on the path from the served certificate to its anchor.",
    {"server", "source", "role", "path"}};
inline constexpr metrics::Desc kUnneeded = {
    "pg_tls_certificate_unneeded_info",
    metrics::Type::kGauge,
    "A certificate that no verification depends on: its end matters to no client.",
    {"server", "source", "role", "path", "position", "subject"}};
inline constexpr metrics::Desc kListForSent = {"pg_tls_crl_unknown_issuer_info",
                                               metrics::Type::kGauge,
                                               "A revocation list of an authority that is not in ssl_ca_file.",
                                               {"server", "path", "issuer"}};
inline constexpr metrics::Desc kCaAccepted = {
    "pg_tls_client_ca_accepted",
    metrics::Type::kGauge,
    "Whether the server accepts client certificates that this authority issued.",
    {"server", "path", "subject", "serial"}};
inline constexpr metrics::Desc kCaRefused = {"pg_tls_client_ca_refused_info",
                                             metrics::Type::kGauge,
                                             "Why the server refuses client certificates that this authority issued.",
                                             {"server", "path", "subject", "serial", "reason"}};
inline constexpr metrics::Desc kCaNotAfter = {
    "pg_tls_client_ca_not_after_timestamp_seconds",
    metrics::Type::kGauge,
    "When a certificate on the authority's path expires that no other one replaces.",
    {"server", "path", "subject", "serial"}};
inline constexpr metrics::Desc kKeyOk = {"pg_tls_private_key_ok",
                                         metrics::Type::kGauge,
                                         "Whether PostgreSQL will accept the private key file at its next start.",
                                         {"server", "path", "check"}};
inline constexpr metrics::Desc kNextStartOk = {
    "pg_tls_next_start_ok",
    metrics::Type::kGauge,
    "Whether the server would start again with its TLS files, TLS settings and pg_hba.conf as they are now.",
    {"server"}};
inline constexpr metrics::Desc kNextStartFailure = {"pg_tls_next_start_failure_info",
                                                    metrics::Type::kGauge,
                                                    "Why the server would not start again.",
                                                    {"server", "role", "path", "reason"}};
inline constexpr metrics::Desc kMatches = {"pg_tls_served_certificate_matches_file",
                                           metrics::Type::kGauge,
                                           "Whether the certificate on the wire is the one in the server's file.",
                                           {"server"}};

inline constexpr metrics::Desc kOmitted = {
    "pg_tls_certificate_series_omitted",
    metrics::Type::kGauge,
    "Certificates, files and revocation lists that collectors.certificates.max_series leaves out.",
    {"server", "kind"}};
inline constexpr std::array kCertificateDescs = {
    &kNotAfter,         &kNotBefore,   &kInfo,       &kChainNotAfter, &kUnneeded,   &kReadable, &kFileError,
    &kCrlNextUpdate,    &kListForSent, &kCaAccepted, &kCaRefused,     &kCaNotAfter, &kKeyOk,    &kNextStartOk,
    &kNextStartFailure, &kMatches,     &kOmitted};

// A server chooses what it sends: the first ones of a longer chain have series.
inline constexpr std::size_t kMostServedCertificates = 16;

// At most `max_series` certificates in files, as many files and as many revocation lists have series: those with a
// fault first, then those that end first. Returns whether any was left out.
bool RenderCertificates(const tls::CertificateInventory& inventory, std::size_t max_series, metrics::Sink& sink);

}  // namespace pgtls::collectors
