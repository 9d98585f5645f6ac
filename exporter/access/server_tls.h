// An SSL_CTX for the listeners, from the keys of tls_server_config. Names and meanings are those of Prometheus'
// exporter-toolkit (its docs/web-configuration.md), which are those of Go's crypto/tls.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgtls::access {

enum class ClientAuth {
  kNone,              // NoClientCert: not requested
  kRequest,           // RequestClientCert: requested, not verified
  kRequireAny,        // RequireAnyClientCert: required, not verified
  kVerifyIfGiven,     // VerifyClientCertIfGiven
  kRequireAndVerify,  // RequireAndVerifyClientCert
};
// Returns kNone for an empty text, too.
std::optional<ClientAuth> ParseClientAuth(std::string_view name);

// Returns OpenSSL's number for "TLS10" … "TLS13".
std::optional<int> ParseGoTlsVersion(std::string_view name);

// Returns OpenSSL's name for "CurveP256", "CurveP384", "CurveP521" or "X25519".
std::optional<std::string_view> ParseGoCurve(std::string_view name);

// Returns OpenSSL's name for a cipher suite of Go's list (tls.CipherSuites); empty for those of TLS 1.3, which Go does
// not let one configure: naming them has no effect.
std::optional<std::string_view> ParseGoCipherSuite(std::string_view name);

// Builds a context. Every step throws TlsError if OpenSSL refuses it, with a message for the operator. Sessions and
// tickets are disabled: every connection is verified, so a resumed session cannot bypass a changed configuration.
class TlsContextBuilder {
 public:
  TlsContextBuilder();

  void UseCertificate(std::string_view pem);  // the leaf, then its intermediates
  void UseKey(std::string_view pem);          // after the certificate: its key, not encrypted
  void UseClientCa(std::string_view pem);
  void SetVersions(int min_version, int max_version);                        // before SetCipherSuites()
  void SetCipherSuites(const std::vector<std::string_view>& openssl_names);  // of TLS 1.2 and below; not empty
  void SetCurves(const std::vector<std::string_view>& openssl_names);        // not empty
  void PreferServerOrder(bool prefer);
  // `allowed_sans`: if not empty, the certificate must have one of these subjectAltNames (DNS, IP, e-mail, URI),
  // exactly.
  void SetClientAuth(ClientAuth mode, std::vector<std::string> allowed_sans);

  // REQUIRES: called once, as the last step.
  std::shared_ptr<SSL_CTX> Build();

 private:
  struct ClientPolicy;
  static int VerifyClient(X509_STORE_CTX* store, void* policy);

  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::shared_ptr<ClientPolicy> policy_;
};

}  // namespace pgtls::access
