// Whether a PostgreSQL server would accept client certificates of the authorities in its ssl_ca_file, and until when.
// OpenSSL itself decides: it verifies a constructed certificate of each authority as the server verifies a client's.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/tls/revocation_lists.h"
#include "exporter/tls/x509.h"

namespace pgtls::tls {

// The server's settings for verifying clients.
struct ClientVerification {
  std::vector<std::string> authorities;  // DER, of ssl_ca_file
  std::vector<std::string> others;       // DER, of ssl_crl_file: OpenSSL trusts certificates there, too
  // ssl_crl_file or ssl_crl_dir is set: every authority of a path needs its list, the root included.
  bool checks_revocation = false;
  std::vector<ListFile> lists;  // of ssl_ca_file, ssl_crl_file and ssl_crl_dir
};

struct Refusal {
  // Of a certificate: expired, not_yet_valid, unknown_ca (its issuer is not in the file), invalid_ca, wrong_purpose,
  // bad_signature, revoked, other. Of a revocation list: crl_missing, crl_expired, crl_not_yet_valid,
  // crl_bad_signature, crl_unusable.
  std::string_view reason;
  std::string name;  // the subject of that certificate, or the issuer of that list

  bool IsOfList() const { return reason.starts_with("crl_"); }
  friend bool operator==(const Refusal&, const Refusal&) = default;
};

// Certificates with the same subject and key are one authority. A certificate that is not an authority's has an entry
// of its own: a client can present it.
struct ClientAuthority {
  std::string subject;
  std::string serial;             // of the first of its certificates in the file
  std::vector<Refusal> refusals;  // now; empty: its client certificates are accepted
  // When they begin to be refused because a certificate of the path expires, regardless of revocation lists; in the
  // past if it has expired. Absent if the path has another fault.
  std::optional<std::chrono::sys_seconds> not_after;
  // The beginning of the certificate that expires then.
  std::optional<std::chrono::sys_seconds> not_before = std::nullopt;
};

// A file with more authorities than this is a collection, such as the system's: clients use some of them.
inline constexpr std::size_t kFewAuthorities = 20;

struct ClientTrust {
  bool checks_revocation = false;
  std::vector<ClientAuthority> authorities;
  // For each of ClientVerification::authorities: false if its expiry, or its being not yet valid, makes the server
  // refuse no client: another certificate of the same authority exists or, in a collection, other authorities do.
  std::vector<bool> needed;
  std::vector<ListInForce> lists;  // one for each path and issuer
  std::vector<ListNotFound> not_found;

  bool IsCollection() const { return authorities.size() > kFewAuthorities; }
  bool NoneAccepted() const;  // whether there are authorities, and no client certificate is accepted
};

// Whether OpenSSL's security level decides about client certificates below one of these authorities: levels 0 to 2 do
// not agree about its key (RSA below 2048 bits) or, unless it is a root, its signature (SHA-1).
bool SecurityLevelDecides(const Chain& authorities);

// Pure. A hundred authorities take some 50 ms.
ClientTrust JudgeClientAuthorities(const ClientVerification& verification, std::chrono::sys_seconds now);

}  // namespace pgtls::tls
