#include "exporter/access/server_tls.h"

#include <algorithm>
#include <array>
#include <utility>

#include "exporter/base/error.h"
#include "exporter/base/net_address.h"
#include "exporter/tls/openssl.h"

namespace pgtls::access {
namespace {

template <typename Value, std::size_t kSize>
std::optional<Value> Find(const std::array<std::pair<std::string_view, Value>, kSize>& table, std::string_view name) {
  for (const auto& [key, value] : table) {
    if (key == name) return value;
  }
  return std::nullopt;
}

// Forward secrecy and authenticated encryption, unless the operator names others.
constexpr const char* kSuites = "ECDHE+AESGCM:ECDHE+CHACHA20";
// The best suites below TLS 1.2.
constexpr const char* kOldSuites = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES+SHA1";

void Check(int result, const std::string& what) {
  if (result != 1) throw TlsError(what + ": " + tls::TakeOpensslError());
}

std::string Join(const std::vector<std::string_view>& names) {
  std::string joined;
  for (const auto name : names) {
    if (!joined.empty()) joined += ':';
    joined += name;
  }
  return joined;
}

std::vector<tls::X509Ptr> ReadCertificates(std::string_view pem) {
  std::vector<tls::X509Ptr> certificates;
  const auto bio = tls::ReadBio(pem);
  ERR_clear_error();
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr))
    certificates.emplace_back(certificate);
  // OpenSSL reports the end as an error, too; any other error is a certificate that cannot be read.
  if (!certificates.empty() && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
    throw TlsError("a certificate cannot be read: " + tls::TakeOpensslError());
  }
  ERR_clear_error();
  if (certificates.empty()) throw TlsError("there is no PEM certificate in it");
  return certificates;
}

// One subjectAltName as Go prints it; empty for the kinds that are not compared.
std::string NameText(const GENERAL_NAME* name) {
  switch (name->type) {
    case GEN_DNS:
      return std::string(tls::View(name->d.dNSName));
    case GEN_EMAIL:
      return std::string(tls::View(name->d.rfc822Name));
    case GEN_URI:
      return std::string(tls::View(name->d.uniformResourceIdentifier));
    case GEN_IPADD: {
      const auto address = IpAddress::FromBytes(tls::View(name->d.iPAddress));
      return address ? address->Unmapped().ToString() : "";
    }
    default:
      return {};
  }
}

bool HasAllowedName(X509* certificate, const std::vector<std::string>& allowed) {
  const tls::GeneralNamesPtr names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const std::string text = NameText(sk_GENERAL_NAME_value(names.get(), i));
    if (!text.empty() && std::ranges::find(allowed, text) != allowed.end()) return true;
  }
  return false;
}

// The only protocol supported. A client that offers only others (h2) gets an alert.
int SelectAlpn(SSL*, const unsigned char** out, unsigned char* out_length, const unsigned char* in, unsigned in_length,
               void*) {
  static constexpr std::array<unsigned char, 9> kProtocols = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* selected = nullptr;
  const int result = SSL_select_next_proto(&selected, out_length, kProtocols.data(), kProtocols.size(), in, in_length);
  if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = selected;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

std::optional<ClientAuth> ParseClientAuth(std::string_view name) {
  using Entry = std::pair<std::string_view, ClientAuth>;
  static constexpr std::array<Entry, 7> kModes = {{{"", ClientAuth::kNone},
                                                   {"NoClientCert", ClientAuth::kNone},
                                                   {"RequestClientCert", ClientAuth::kRequest},
                                                   {"RequireAnyClientCert", ClientAuth::kRequireAny},
                                                   {"RequireClientCert", ClientAuth::kRequireAny},  // its older name
                                                   {"VerifyClientCertIfGiven", ClientAuth::kVerifyIfGiven},
                                                   {"RequireAndVerifyClientCert", ClientAuth::kRequireAndVerify}}};
  return Find(kModes, name);
}

std::optional<int> ParseGoTlsVersion(std::string_view name) {
  using Entry = std::pair<std::string_view, int>;
  static constexpr std::array<Entry, 4> kVersions = {
      {{"TLS10", TLS1_VERSION}, {"TLS11", TLS1_1_VERSION}, {"TLS12", TLS1_2_VERSION}, {"TLS13", TLS1_3_VERSION}}};
  return Find(kVersions, name);
}

std::optional<std::string_view> ParseGoCurve(std::string_view name) {
  using Entry = std::pair<std::string_view, std::string_view>;
  static constexpr std::array<Entry, 4> kCurves = {
      {{"CurveP256", "P-256"}, {"CurveP384", "P-384"}, {"CurveP521", "P-521"}, {"X25519", "X25519"}}};
  return Find(kCurves, name);
}

std::optional<std::string_view> ParseGoCipherSuite(std::string_view name) {
  using Entry = std::pair<std::string_view, std::string_view>;
  static constexpr std::array<Entry, 17> kNames = {{
      {"TLS_AES_128_GCM_SHA256", ""},
      {"TLS_AES_256_GCM_SHA384", ""},
      {"TLS_CHACHA20_POLY1305_SHA256", ""},
      {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA"},
      {"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA"},
      {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA"},
      {"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA"},
      {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"},
      {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"},
      {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"},
      {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"},
      {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"},
      {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"},
      // Without forward secrecy: only if an operator names them.
      {"TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA"},
      {"TLS_RSA_WITH_AES_256_CBC_SHA", "AES256-SHA"},
      {"TLS_RSA_WITH_AES_128_GCM_SHA256", "AES128-GCM-SHA256"},
      {"TLS_RSA_WITH_AES_256_GCM_SHA384", "AES256-GCM-SHA384"},
  }};
  return Find(kNames, name);
}

struct TlsContextBuilder::ClientPolicy {
  bool verify = false;
  std::vector<std::string> allowed_sans;
};

TlsContextBuilder::TlsContextBuilder()
    : context_(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free), policy_(std::make_shared<ClientPolicy>()) {
  if (!context_) throw TlsError("OpenSSL: " + tls::TakeOpensslError());
  SSL_CTX* context = context_.get();
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_alpn_select_cb(context, &SelectAlpn, nullptr);
  SSL_CTX_set_cipher_list(context, kSuites);
}

void TlsContextBuilder::UseCertificate(std::string_view pem) {
  auto certificates = ReadCertificates(pem);
  Check(SSL_CTX_use_certificate(context_.get(), certificates.front().get()), "the certificate cannot be used");
  for (std::size_t i = 1; i < certificates.size(); ++i) {
    Check(static_cast<int>(SSL_CTX_add1_chain_cert(context_.get(), certificates[i].get())),
          "an intermediate certificate cannot be used");
  }
}

void TlsContextBuilder::UseKey(std::string_view pem) {
  const auto bio = tls::ReadBio(pem);
  ERR_clear_error();
  bool asked = false;
  const auto refuse = [](char*, int, int, void* was_asked) {
    *static_cast<bool*>(was_asked) = true;
    return -1;
  };
  const tls::EvpPkeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse, &asked));
  if (!key && asked)
    throw TlsError(
        "the private key is encrypted, and a service cannot prompt for its passphrase: store it without one");
  if (!key) throw TlsError("the private key cannot be read: " + tls::TakeOpensslError());
  Check(SSL_CTX_use_PrivateKey(context_.get(), key.get()), "the private key does not belong to the certificate");
}

void TlsContextBuilder::UseClientCa(std::string_view pem) {
  X509_STORE* store = SSL_CTX_get_cert_store(context_.get());
  // As in Go, each of them is a trust anchor, also an intermediate without its root.
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  for (const auto& certificate : ReadCertificates(pem)) {
    Check(X509_STORE_add_cert(store, certificate.get()), "a CA certificate cannot be used");
    // Sent in the request, so that a client with several certificates can choose the right one.
    Check(SSL_CTX_add_client_CA(context_.get(), certificate.get()), "a CA certificate cannot be used");
  }
}

void TlsContextBuilder::SetVersions(int min_version, int max_version) {
  // OpenSSL 3 has the old versions only at level 0 (their handshakes sign with SHA-1).
  if (min_version < TLS1_2_VERSION) {
    SSL_CTX_set_security_level(context_.get(), 0);
    Check(SSL_CTX_set_cipher_list(context_.get(), kOldSuites), "min_version cannot be used");
  }
  Check(static_cast<int>(SSL_CTX_set_min_proto_version(context_.get(), min_version)), "min_version cannot be used");
  Check(static_cast<int>(SSL_CTX_set_max_proto_version(context_.get(), max_version)), "max_version cannot be used");
}

void TlsContextBuilder::SetCipherSuites(const std::vector<std::string_view>& openssl_names) {
  Check(SSL_CTX_set_cipher_list(context_.get(), Join(openssl_names).c_str()), "cipher_suites cannot be used");
}

void TlsContextBuilder::SetCurves(const std::vector<std::string_view>& openssl_names) {
  Check(static_cast<int>(SSL_CTX_set1_groups_list(context_.get(), Join(openssl_names).c_str())),
        "curve_preferences cannot be used");
}

void TlsContextBuilder::PreferServerOrder(bool prefer) {
  if (prefer) SSL_CTX_set_options(context_.get(), SSL_OP_CIPHER_SERVER_PREFERENCE);
}

void TlsContextBuilder::SetClientAuth(ClientAuth mode, std::vector<std::string> allowed_sans) {
  int flags = SSL_VERIFY_NONE;
  if (mode != ClientAuth::kNone) flags |= SSL_VERIFY_PEER;
  if (mode == ClientAuth::kRequireAny || mode == ClientAuth::kRequireAndVerify)
    flags |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  policy_->verify = mode == ClientAuth::kVerifyIfGiven || mode == ClientAuth::kRequireAndVerify;
  policy_->allowed_sans = std::move(allowed_sans);
  SSL_CTX_set_verify(context_.get(), flags, nullptr);
  SSL_CTX_set_cert_verify_callback(context_.get(), &VerifyClient, policy_.get());
}

int TlsContextBuilder::VerifyClient(X509_STORE_CTX* store, void* policy) {
  const auto& rules = *static_cast<const ClientPolicy*>(policy);
  if (rules.verify && X509_verify_cert(store) != 1) return 0;
  if (!rules.allowed_sans.empty() && !HasAllowedName(X509_STORE_CTX_get0_cert(store), rules.allowed_sans)) {
    X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
  }
  if (!rules.verify) X509_STORE_CTX_set_error(store, X509_V_OK);
  return 1;
}

std::shared_ptr<SSL_CTX> TlsContextBuilder::Build() {
  return {context_.release(), [policy = policy_](SSL_CTX* context) { SSL_CTX_free(context); }};
}

}  // namespace pgtls::access
