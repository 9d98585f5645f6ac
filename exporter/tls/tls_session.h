// The client's side of one TLS connection over memory: no I/O, so that a test can feed it any bytes in any pieces.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "exporter/tls/context.h"
#include "exporter/tls/x509.h"

namespace pgtls::tls {

// How a handshake ended, or has not yet.
enum class Handshake {
  kRunning,
  kFinished,
  kRefusedByServer,  // a fatal alert, or a version that was not offered
  kRefusedByClient,  // the local OpenSSL refused it (security level, key too small), or the client certificate is
                     // unusable
  kBroken            // the connection ended, or the bytes are not TLS
};

// What a finished (or partly done) handshake shows.
struct TlsFacts {
  std::string version;  // "TLSv1.3"
  std::string cipher;   // OpenSSL's name, as pg_stat_ssl shows it
  std::string group;    // of the key exchange: "X25519", "prime256v1"; empty for RSA key exchange
  std::string alpn;     // selected protocol; empty: none
  bool client_certificate_requested = false;
  Chain chain;
};

// Does a client that connects to `host` send it as SNI? Not if it is empty, or looks like an address (RFC 6066, 3).
bool SendsSni(const std::string& host);

class TlsSession {
 public:
  // `host`: see SendsSni(). `identity` may be null; it is not retained after the call.
  TlsSession(ContextPtr context, const std::string& host, const ClientIdentity* identity);
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // Goes as far as the bytes fed so far allow. Send TakeOutput() after each step, also after one that failed (an
  // alert).
  Handshake Step();
  void Feed(std::string_view bytes);
  // The peer closed the connection.
  void EndOfInput();
  std::string TakeOutput();

  Handshake handshake() const { return handshake_; }
  // Of the local error or the server's alert: OpenSSL's constant text. For the log.
  const std::string& failure() const { return failure_; }
  // The last fatal alert that the server sent (RFC 8446, 6).
  std::optional<int> alert() const { return alert_; }
  TlsFacts facts() const;

  // Application data, after kFinished.
  void Write(std::string_view bytes);
  // Returns the bytes that have arrived; "" if more are needed. nullopt: ended, by close_notify, alert or error.
  std::optional<std::string> Read();
  // close_notify.
  void Shutdown();

 private:
  static int OnCertificateRequest(SSL* ssl, void* self);
  static void OnInfo(const SSL* ssl, int where, int value);

  ContextPtr context_;
  SslPtr ssl_;
  BIO* in_;   // owned by ssl_
  BIO* out_;  // owned by ssl_
  Handshake handshake_ = Handshake::kRunning;
  std::string failure_;
  std::optional<int> alert_;
  bool certificate_requested_ = false;
};

}  // namespace pgtls::tls
