// The facts of a certificate or a revocation list, read from its DER encoding (RFC 5280).
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "exporter/tls/openssl.h"

namespace pgtls::tls {

// A decoded certificate. It is never changed, so it can be shared.
using SharedX509 = std::shared_ptr<X509>;
// The server's certificate first, then the others in the order in which they were sent, or are in the file.
using Chain = std::vector<SharedX509>;

// Returns another reference to the same certificate.
SharedX509 Shared(X509* certificate);
X509StackPtr StackOf(const Chain& chain);
std::string DerOf(const X509* certificate);
std::string DerOf(const X509_CRL* list);

// Independent of any verification: an expired, unknown or partly broken certificate has all its facts. Texts come from
// the certificate: they are bounded and made valid UTF-8 when they become labels.
struct CertificateFacts {
  std::optional<std::chrono::sys_seconds> not_before;  // absent if the time cannot be read
  std::optional<std::chrono::sys_seconds> not_after;
  std::string subject;  // RFC 4514, UTF-8 as it is: "CN=db1,O=Example"
  std::string issuer;
  std::string serial;               // upper-case hexadecimal, as `openssl x509 -serial` prints it
  std::string fingerprint_sha256;   // of the DER encoding, lower-case hexadecimal without separators
  std::string key_algorithm;        // "RSA", "EC", "ED25519" …
  std::string key_size;             // bits; empty if OpenSSL cannot read the key
  std::string signature_algorithm;  // OpenSSL's long name, "sha256WithRSAEncryption", or the OID
  // Extended key usage: OpenSSL's short names ("serverAuth"), else the OID; absent without the extension, empty if it
  // cannot be read.
  std::optional<std::vector<std::string>> extended_key_usage;
  std::string san;           // "DNS:localhost,IP:127.0.0.1", control characters escaped, at most 1,024 bytes
  bool self_signed = false;  // its own key verifies its signature; equal names prove nothing

  friend bool operator==(const CertificateFacts&, const CertificateFacts&) = default;
};

CertificateFacts FactsOf(X509* certificate);

// RFC 4514, UTF-8 as it is: "CN=db1,O=Example".
std::string NameText(const X509_NAME* name);
// nullopt if the time cannot be read.
std::optional<std::chrono::sys_seconds> TimeOf(const ASN1_TIME* time);

struct CrlFacts {
  std::string issuer;
  std::optional<std::chrono::sys_seconds> this_update;
  std::optional<std::chrono::sys_seconds> next_update;  // absent if the list has none
  friend bool operator==(const CrlFacts&, const CrlFacts&) = default;
};

CrlFacts FactsOf(X509_CRL* crl);

}  // namespace pgtls::tls
