#include "exporter/tls/context.h"

#include <strings.h>
#include <sys/stat.h>

#include <map>
#include <mutex>

#include "exporter/base/error.h"
#include "exporter/tls/negotiation.h"
#include "exporter/tls/private_key.h"

namespace pgtls::tls {
namespace {

int VerifyLater(X509_STORE_CTX*, void*) { return 1; }

SslCtxPtr NewClientContext() {
  SslCtxPtr context(SSL_CTX_new(TLS_client_method()));
  if (context == nullptr) throw TlsError("OpenSSL: " + TakeOpensslError());
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_cert_verify_callback(context.get(), VerifyLater, nullptr);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>(kAlpnWire.data()),
                          static_cast<unsigned>(kAlpnWire.size()));
  return context;
}

void Loosen(SSL_CTX* context) {
  SSL_CTX_set_security_level(context, 0);
  SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0");
  SSL_CTX_set_min_proto_version(context, 0);
  SSL_CTX_set_max_proto_version(context, 0);
  // Servers that never heard of RFC 5746 are observed too.
  SSL_CTX_set_options(context, SSL_OP_LEGACY_SERVER_CONNECT);
}

SslCtxPtr NewPinnedContext(int version) {
  SslCtxPtr context = NewClientContext();
  Loosen(context.get());
  if (SSL_CTX_set_min_proto_version(context.get(), version) != 1 ||
      SSL_CTX_set_max_proto_version(context.get(), version) != 1) {
    throw TlsError("OpenSSL: " + TakeOpensslError());
  }
  return context;
}

// One per key, for the life of the process.
template <typename Make>
ContextPtr Kept(const std::string& key, Make make) {
  static std::mutex mutex;
  static std::map<std::string, ContextPtr> contexts;
  const std::lock_guard lock(mutex);
  ContextPtr& context = contexts[key];
  if (context == nullptr) context = ContextPtr(make().release(), SSL_CTX_free);
  return context;
}

// A throwaway server that speaks everything, with a certificate of its own.
SslCtxPtr NewSelfTestServer() {
  EvpPkeyPtr key(EVP_EC_gen("P-256"));
  X509Ptr certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  SslCtxPtr context(SSL_CTX_new(TLS_server_method()));
  Loosen(context.get());
  SSL_CTX_use_certificate(context.get(), certificate.get());
  SSL_CTX_use_PrivateKey(context.get(), key.get());
  return context;
}

bool SelfTest(SSL_CTX* server_context, int version) {
  try {
    const SslCtxPtr client_context = NewPinnedContext(version);
    const SslPtr client(SSL_new(client_context.get()));
    const SslPtr server(SSL_new(server_context));
    BIO* client_end = nullptr;
    BIO* server_end = nullptr;
    BIO_new_bio_pair(&client_end, 0, &server_end, 0);
    SSL_set_bio(client.get(), client_end, client_end);
    SSL_set_bio(server.get(), server_end, server_end);
    SSL_set_connect_state(client.get());
    SSL_set_accept_state(server.get());
    bool done = false;
    for (int flights = 0; flights < 10 && !done; ++flights) {
      const int client_done = SSL_do_handshake(client.get());
      const int server_done = SSL_do_handshake(server.get());
      done = client_done == 1 && server_done == 1;
    }
    ERR_clear_error();
    return done && SSL_version(client.get()) == version;
  } catch (const TlsError&) {
    return false;
  }
}

int GivePassword(char* buffer, int size, int, void* data) {
  const auto& password = *static_cast<const std::string*>(data);
  if (password.empty() || password.size() > static_cast<std::size_t>(size)) return -1;
  password.copy(buffer, password.size());
  return static_cast<int>(password.size());
}

void Add(X509* certificate, Digester& digester) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  if (size < 0) throw std::bad_alloc();
  digester.Text({reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)});
  OPENSSL_free(der);
}

// be strict where libpq is: a regular file, its owner's alone, or root's with its group's reading.
void CheckKeyFile(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) throw TlsError("private key file " + path + " cannot be read");
  if (!S_ISREG(status.st_mode)) throw TlsError("private key file " + path + " is not a regular file");
  if (!KeyModeOk({.mode = status.st_mode, .owner = status.st_uid}))
    throw TlsError("private key file " + path + " has group or world access");
}

}  // namespace

std::optional<int> ProtocolVersion(std::string_view name) {
  constexpr int kNumbers[] = {TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION};
  for (std::size_t i = 0; i < std::size(kProtocolVersions); ++i) {
    if (strcasecmp(std::string(name).c_str(), std::string(kProtocolVersions[i]).c_str()) == 0) return kNumbers[i];
  }
  return std::nullopt;
}

ContextPtr LibpqContext(const std::string& min_version, const std::string& max_version) {
  return Kept("libpq|" + min_version + "|" + max_version, [&] {
    SslCtxPtr context = NewClientContext();
    const auto apply = [&](const std::string& name, auto set) {
      if (name.empty()) return;
      const std::optional<int> version = ProtocolVersion(name);
      if (!version || set(*version) != 1) throw TlsError("protocol version " + name + " cannot be used");
    };
    apply(min_version, [&](int version) { return SSL_CTX_set_min_proto_version(context.get(), version); });
    apply(max_version, [&](int version) { return SSL_CTX_set_max_proto_version(context.get(), version); });
    return context;
  });
}

ContextPtr PermissiveContext() {
  return Kept("permissive", [] {
    SslCtxPtr context = NewClientContext();
    Loosen(context.get());
    return context;
  });
}

ContextPtr PinnedContext(std::string_view version) {
  return Kept("pinned|" + std::string(version), [&] { return NewPinnedContext(ProtocolVersion(version).value()); });
}

const std::vector<std::string_view>& TriableVersions() {
  static const std::vector<std::string_view> versions = [] {
    const SslCtxPtr server = NewSelfTestServer();
    std::vector<std::string_view> result;
    for (const std::string_view version : kProtocolVersions) {
      if (SelfTest(server.get(), ProtocolVersion(version).value())) result.push_back(version);
    }
    return result;
  }();
  return versions;
}

std::shared_ptr<const ClientIdentity> ClientIdentity::Load(const std::string& cert_file, const std::string& key_file,
                                                           const std::string& password) {
  const SslCtxPtr context = NewClientContext();
  SSL_CTX_set_security_level(context.get(), 0);  // judged in Use(), at the level of the session
  SSL_CTX_set_default_passwd_cb(context.get(), GivePassword);
  SSL_CTX_set_default_passwd_cb_userdata(context.get(), const_cast<std::string*>(&password));  // NOLINT: C interface
  if (SSL_CTX_use_certificate_chain_file(context.get(), cert_file.c_str()) != 1) {
    throw TlsError("client certificate file " + cert_file + ": " + TakeOpensslError());
  }
  CheckKeyFile(key_file);
  if (SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1 &&
      SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_ASN1) != 1) {
    throw TlsError("private key file " + key_file + ": " + TakeOpensslError());
  }
  auto identity = std::make_shared<ClientIdentity>();
  X509* const certificate = SSL_CTX_get0_certificate(context.get());
  EVP_PKEY* const key = SSL_CTX_get0_privatekey(context.get());
  X509_up_ref(certificate);
  EVP_PKEY_up_ref(key);
  identity->certificate_.reset(certificate);
  identity->key_.reset(key);
  STACK_OF(X509)* chain = nullptr;
  SSL_CTX_get0_chain_certs(context.get(), static_cast<void*>(&chain));
  identity->chain_.reset(chain == nullptr ? sk_X509_new_null() : X509_chain_up_ref(chain));
  Digester digester;
  Add(certificate, digester);
  for (int i = 0; i < sk_X509_num(chain); ++i) Add(sk_X509_value(chain, i), digester);
  identity->certificates_ = digester.Finish();
  ERR_clear_error();
  return identity;
}

bool ClientIdentity::Use(SSL* ssl) const {
  const bool used = SSL_use_cert_and_key(ssl, certificate_.get(), key_.get(), chain_.get(), 1) == 1;
  ERR_clear_error();
  return used;
}

}  // namespace pgtls::tls
