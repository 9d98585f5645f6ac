// Verification of a server's certificate as libpq does it (PostgreSQL 15: fe-secure-openssl.c, fe-secure-common.c),
// separate from the handshake: a certificate that fails is still reported completely, with all its faults.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/tls/openssl.h"
#include "exporter/tls/x509.h"

namespace pgtls::tls {

// sslrootcert with sslcrl and sslcrldir. Immutable, may be shared between threads.
class TrustStore {
 public:
  // Blocks on files. Throws TlsError if the root file has no certificate that OpenSSL can load: libpq fails too.
  // CRLs that cannot be loaded are ignored silently, as libpq does. An empty path: none.
  static std::shared_ptr<const TrustStore> Load(const std::string& root_file, const std::string& crl_file,
                                                const std::string& crl_directory);
  // The same, shared with all other callers for the same unchanged files; not if it has a CRL directory, or a CRL file
  // that exists but could not be loaded.
  static std::shared_ptr<const TrustStore> LoadShared(const std::string& root_file, const std::string& crl_file,
                                                      const std::string& crl_directory);

  // The system's root certificates, where OpenSSL looks for them; no CRLs. OpenSSL reads them when it verifies. Throws
  // TlsError.
  static std::shared_ptr<const TrustStore> System();

  X509_STORE* get() const { return store_.get(); }
  bool checks_revocation() const;  // CRLs were loaded: a chain without one fails

 private:
  explicit TrustStore(X509StorePtr store) : store_(std::move(store)) {}
  X509StorePtr store_;
};

inline constexpr std::string_view kChainErrors[] = {
    "expired",  "not_yet_valid", "self_signed", "unknown_ca",    "revoked",         "crl_missing",    "crl_expired",
    "too_weak", "wrong_purpose", "invalid_ca",  "bad_signature", "name_constraint", "no_certificate", "other"};
// Of an X509_V_ERR_ number.
std::string_view ChainErrorFor(int error);

// Returns the faults of the chain, in OpenSSL's order, each once, of kChainErrors; empty: verified.
// `security_level`: of the context that a client would use (SSL_CTX_get_security_level).
std::vector<std::string_view> VerifyChain(const Chain& chain, const TrustStore& trust, int security_level);

// mismatch; no_host_name: libpq refuses verify-full with hostaddr alone; malformed_name: a null byte in a name, or
// an address of the wrong length.
inline constexpr std::string_view kHostNameErrors[] = {"mismatch", "no_host_name", "malformed_name", "no_certificate"};

// Returns nullopt if the certificate, which may be null, names this host; otherwise one of kHostNameErrors. dNSName and
// iPAddress entries are compared, the common name only if there is no entry of the host's own kind; a wildcard counts
// only as the whole leftmost label.
std::optional<std::string_view> VerifyHostName(const X509* certificate, const std::string& host);

// Whether it is an address as libpq decides it: inet_aton, which accepts "127.1" too, or IPv6. No SNI is sent for an
// address.
bool IsAddress(const std::string& host);

}  // namespace pgtls::tls
