// Verification of a server's certificate as libpq does it (PostgreSQL 15: fe-secure-openssl.c, fe-secure-common.c),
// apart from the handshake: a certificate that fails is still reported whole, with all that is wrong with it.
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
  // Blocks on files. Throws TlsError where the root file holds no certificate that OpenSSL can load, as libpq fails
  // then. CRLs that cannot be loaded are silently left out, as libpq does it. Empty: none.
  static std::shared_ptr<const TrustStore> Load(const std::string& root_file, const std::string& crl_file,
                                                const std::string& crl_directory);
  // The same, shared with everyone who has one from the same unchanged files; never shared are one with a CRL directory
  // and one of which the CRL file is there but could not be loaded.
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

// All that is wrong with the chain, in OpenSSL's order, each once, of kChainErrors; empty: verified.
// `security_level`: of the context that a client would use (SSL_CTX_get_security_level).
std::vector<std::string_view> VerifyChain(const Chain& chain, const TrustStore& trust, int security_level);

// mismatch; no_host_name: libpq refuses verify-full with hostaddr alone; malformed_name: a null byte in a name, an
// address of a strange length.
inline constexpr std::string_view kHostNameErrors[] = {"mismatch", "no_host_name", "malformed_name", "no_certificate"};

// Does the certificate, which may be null, name this host? nullopt: yes; else one of kHostNameErrors.
// dNSName and iPAddress entries are compared, the common name only where there is no entry of the host's own kind; a
// wildcard only as the whole leftmost label.
std::optional<std::string_view> VerifyHostName(const X509* certificate, const std::string& host);

// An address by libpq's measure: inet_aton, which takes "127.1" too, or IPv6. No SNI is sent for those that look like
// one.
bool IsAddress(const std::string& host);

}  // namespace pgtls::tls
