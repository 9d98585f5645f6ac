// An SSL_CTX for the listeners, from the keys of tls_server_config. Names and meanings are those of Prometheus'
// exporter-toolkit (docs/web-configuration.md there), which are Go's (crypto/tls).
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgtls::access {

enum class ClientAuth {
  kNone,              // NoClientCert: not asked for
  kRequest,           // RequestClientCert: asked for, and taken as it is
  kRequireAny,        // RequireAnyClientCert: needed, and taken as it is
  kVerifyIfGiven,     // VerifyClientCertIfGiven
  kRequireAndVerify,  // RequireAndVerifyClientCert
};
// Nothing is kNone too.
std::optional<ClientAuth> ParseClientAuth(std::string_view name);

// "TLS10" … "TLS13" as OpenSSL's number.
std::optional<int> ParseGoTlsVersion(std::string_view name);

// "CurveP256", "CurveP384", "CurveP521", "X25519" as OpenSSL's name.
std::optional<std::string_view> ParseGoCurve(std::string_view name);

// A suite of Go's list (tls.CipherSuites) as OpenSSL's name; empty for those of TLS 1.3, which are not configurable in
// Go either: naming them has no effect.
std::optional<std::string_view> ParseGoCipherSuite(std::string_view name);

// A context in the making. Every step throws TlsError where OpenSSL refuses, in words for the operator. Without
// sessions and tickets: a client is judged anew at every connection, so a change of the configuration lets nobody back
// in.
class TlsContextBuilder {
 public:
  TlsContextBuilder();

  void UseCertificate(std::string_view pem);  // the leaf, then its intermediates
  void UseKey(std::string_view pem);          // after the certificate: must be its key, and not encrypted
  void UseClientCa(std::string_view pem);
  void SetVersions(int min_version, int max_version);                        // before SetCipherSuites()
  void SetCipherSuites(const std::vector<std::string_view>& openssl_names);  // of TLS 1.2 and below; not empty
  void SetCurves(const std::vector<std::string_view>& openssl_names);        // not empty
  void PreferServerOrder(bool prefer);
  // `allowed_sans`: not empty where the certificate must have one of these subjectAltNames (DNS, IP, e-mail, URI),
  // whole and exact.
  void SetClientAuth(ClientAuth mode, std::vector<std::string> allowed_sans);

  // REQUIRES: called once, last. The context lives as long as the pointer, or any copy of it.
  std::shared_ptr<SSL_CTX> Build();

 private:
  struct ClientPolicy;
  static int VerifyClient(X509_STORE_CTX* store, void* policy);

  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::shared_ptr<ClientPolicy> policy_;
};

}  // namespace pgtls::access
