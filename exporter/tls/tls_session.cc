#include "exporter/tls/tls_session.h"

#include <array>
#include <utility>

#include "exporter/base/error.h"

namespace pgtls::tls {
namespace {

// Errors with which this side refuses the server's choice, and which are caused by the server.
bool ServerChoseAnotherVersion(unsigned long error) {
  const int reason = ERR_GET_REASON(error);
  return ERR_GET_LIB(error) == ERR_LIB_SSL &&
         (reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_VERSION_TOO_LOW ||
          reason == SSL_R_WRONG_SSL_VERSION || reason == SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
}

bool LocalOpinion(unsigned long error) {
  switch (ERR_GET_REASON(error)) {
    case SSL_R_DH_KEY_TOO_SMALL:
    case SSL_R_EE_KEY_TOO_SMALL:
    case SSL_R_CA_KEY_TOO_SMALL:
    case SSL_R_CA_MD_TOO_WEAK:
    case SSL_R_UNSAFE_LEGACY_RENEGOTIATION_DISABLED:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
    case SSL_R_NO_CIPHERS_AVAILABLE:
    case SSL_R_WRONG_SIGNATURE_TYPE:
    case SSL_R_WRONG_CURVE:
    case SSL_R_BAD_ECPOINT:
      return ERR_GET_LIB(error) == ERR_LIB_SSL;
    default:
      return false;
  }
}

std::string NameOfServersKey(SSL* ssl) {
  EVP_PKEY* raw = nullptr;
  if (SSL_get_peer_tmp_key(ssl, static_cast<void*>(&raw)) != 1 || raw == nullptr) return "";
  const EvpPkeyPtr key(raw);
  std::array<char, 64> name{};
  std::size_t length = 0;
  if (EVP_PKEY_get_group_name(key.get(), name.data(), name.size(), &length) == 1 && length > 0) return name.data();
  const char* const type = EVP_PKEY_get0_type_name(key.get());
  return type == nullptr ? "" : type;
}

std::string GroupName(SSL* ssl) {
  std::string name = NameOfServersKey(ssl);
#if OPENSSL_VERSION_NUMBER >= 0x30200000L
  // With a hybrid (X25519MLKEM768) there is no such key.
  if (const char* const group = SSL_get0_group_name(ssl); name.empty() && group != nullptr) name = group;
#endif
  return name;
}

}  // namespace

// libpq's own test for an address, which is simpler than IsAddress().
bool SendsSni(const std::string& host) {
  return host.find_first_not_of("0123456789.") != std::string::npos && host.find(':') == std::string::npos;
}

TlsSession::TlsSession(ContextPtr context, const std::string& host, const ClientIdentity* identity)
    : context_(std::move(context)),
      ssl_(SSL_new(context_.get())),
      in_(BIO_new(BIO_s_mem())),
      out_(BIO_new(BIO_s_mem())) {
  if (ssl_ == nullptr || in_ == nullptr || out_ == nullptr) throw TlsError("OpenSSL: " + TakeOpensslError());
  BIO_set_mem_eof_return(in_, -1);
  SSL_set_bio(ssl_.get(), in_, out_);
  SSL_set_connect_state(ssl_.get());
  SSL_set_app_data(ssl_.get(), this);
  SSL_set_info_callback(ssl_.get(), OnInfo);
  SSL_set_cert_cb(ssl_.get(), OnCertificateRequest, this);
  if (SendsSni(host)) SSL_set_tlsext_host_name(ssl_.get(), host.c_str());
  if (identity != nullptr && !identity->Use(ssl_.get())) {
    handshake_ = Handshake::kRefusedByClient;
    failure_ = "client certificate refused by OpenSSL";
  }
}

int TlsSession::OnCertificateRequest(SSL*, void* self) {
  static_cast<TlsSession*>(self)->certificate_requested_ = true;
  return 1;
}

void TlsSession::OnInfo(const SSL* ssl, int where, int value) {
  const bool received_alert = (where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT;
  if (received_alert && (value >> 8) == SSL3_AL_FATAL) {
    static_cast<TlsSession*>(SSL_get_app_data(ssl))->alert_ = value & 0xFF;
  }
}

Handshake TlsSession::Step() {
  if (handshake_ != Handshake::kRunning) return handshake_;
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) return handshake_ = Handshake::kFinished;
  if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ) return handshake_;
  const unsigned long error = ERR_peek_error();
  if (alert_ || ServerChoseAnotherVersion(error)) {
    handshake_ = Handshake::kRefusedByServer;
  } else {
    handshake_ = LocalOpinion(error) ? Handshake::kRefusedByClient : Handshake::kBroken;
  }
  failure_ = TakeOpensslError();
  return handshake_;
}

void TlsSession::Feed(std::string_view bytes) { BIO_write(in_, bytes.data(), static_cast<int>(bytes.size())); }

void TlsSession::EndOfInput() { BIO_set_mem_eof_return(in_, 0); }

std::string TlsSession::TakeOutput() { return DrainBio(out_); }

TlsFacts TlsSession::facts() const {
  TlsFacts facts;
  facts.version = SSL_get_version(ssl_.get());
  const char* const cipher = SSL_get_cipher_name(ssl_.get());
  facts.cipher = cipher == nullptr ? "" : cipher;
  facts.group = GroupName(ssl_.get());
  const unsigned char* alpn = nullptr;
  unsigned alpn_length = 0;
  SSL_get0_alpn_selected(ssl_.get(), &alpn, &alpn_length);
  if (alpn != nullptr) facts.alpn.assign(reinterpret_cast<const char*>(alpn), alpn_length);
  facts.client_certificate_requested = certificate_requested_;
  const STACK_OF(X509)* const chain = SSL_get_peer_cert_chain(ssl_.get());
  for (int i = 0; i < sk_X509_num(chain); ++i) facts.chain.push_back(Shared(sk_X509_value(chain, i)));
  ERR_clear_error();
  return facts;
}

void TlsSession::Write(std::string_view bytes) {
  SSL_write(ssl_.get(), bytes.data(),
            static_cast<int>(bytes.size()));  // into memory: whole or an error that Read shows
  ERR_clear_error();
}

std::optional<std::string> TlsSession::Read() {
  std::string result;
  std::array<char, 4096> buffer{};
  for (;;) {
    ERR_clear_error();
    const int length = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
    if (length > 0) {
      result.append(buffer.data(), static_cast<std::size_t>(length));
      continue;
    }
    const bool waiting = SSL_get_error(ssl_.get(), length) == SSL_ERROR_WANT_READ;
    ERR_clear_error();
    if (!result.empty() || waiting) return result;
    return std::nullopt;
  }
}

void TlsSession::Shutdown() {
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

}  // namespace pgtls::tls
