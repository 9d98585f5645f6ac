// The few SSL_CTXs that all probes share, and a client's own certificate.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/base/digest.h"
#include "exporter/tls/openssl.h"

namespace pgtls::tls {

// "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3" (case as libpq takes it: any) as OpenSSL's number; nullopt: another text.
std::optional<int> ProtocolVersion(std::string_view name);
inline constexpr std::string_view kProtocolVersions[] = {"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"};

// All contexts: no verification in the handshake (VerifyChain and VerifyHostName judge what was sent), ALPN
// "postgresql", no session cache, buffers released when idle. Thread-safe; each is made once and kept.
using ContextPtr = std::shared_ptr<SSL_CTX>;

// The same as libpq's own, including the system's OpenSSL configuration (lowest version, security level). `min_version`
// and `max_version` as in conninfo, empty: no bound. Throws TlsError for versions that OpenSSL refuses.
ContextPtr LibpqContext(const std::string& min_version, const std::string& max_version);

// Allows every version and cipher suite of OpenSSL, at security level 0: a handshake that fails here fails because of
// the server.
ContextPtr PermissiveContext();

// The same for one version alone. REQUIRES: one of TriableVersions().
ContextPtr PinnedContext(std::string_view version);

// The versions that this machine's OpenSSL can use, proved by a handshake with itself (a build or a policy may forbid
// TLSv1). A version that is missing here cannot be tested on any server. Computed once.
const std::vector<std::string_view>& TriableVersions();

// A client certificate with its key, as libpq loads sslcert and sslkey. Immutable.
class ClientIdentity {
 public:
  // Blocks on files. Throws TlsError if libpq could not use them: a certificate without a key, a key that others may
  // read and so on. `password`: sslpassword, for an encrypted key; there is no prompt without it.
  static std::shared_ptr<const ClientIdentity> Load(const std::string& cert_file, const std::string& key_file,
                                                    const std::string& password);
  // False if OpenSSL refuses it for this session (security level).
  bool Use(SSL* ssl) const;
  // Over all certificates that it presents: equal for equal certificates.
  const Digest& certificates() const { return certificates_; }

 private:
  X509Ptr certificate_;
  X509StackPtr chain_;
  EvpPkeyPtr key_;
  Digest certificates_{};
};

}  // namespace pgtls::tls
