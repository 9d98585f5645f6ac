// Makes a TLS server behave as one that routes by SNI (a proxy, or PostgreSQL with pg_hosts.conf): each name has its
// own certificate, and other names are refused.
#pragma once

#include <openssl/ssl.h>

#include <map>
#include <memory>
#include <string>

#include "tests/exporter/tls/scripted_peer.h"

namespace pgtls::collectors {

class SniRoutes {
 public:
  // REQUIRES: outlives the connections of `server`. Before the first one, as Add().
  explicit SniRoutes(SSL_CTX* server) {
    SSL_CTX_set_tlsext_servername_callback(server, &SniRoutes::Choose);
    SSL_CTX_set_tlsext_servername_arg(server, this);
  }
  void Add(const std::string& host, const support::Certificate& certificate) {
    contexts_.insert_or_assign(host, tls::testing::ServerContext(certificate));
  }
  // Without SNI the server's own certificate is served, unless this is called.
  void RefuseWithoutSni() { needs_sni_ = true; }

 private:
  static int Choose(SSL* ssl, int* alert, void* self) {
    auto& routes = *static_cast<SniRoutes*>(self);
    const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (name == nullptr && !routes.needs_sni_) return SSL_TLSEXT_ERR_OK;
    const auto route = name == nullptr ? routes.contexts_.end() : routes.contexts_.find(name);
    if (route == routes.contexts_.end()) {
      *alert = name == nullptr ? SSL_AD_HANDSHAKE_FAILURE : SSL_AD_UNRECOGNIZED_NAME;
      return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    SSL_set_SSL_CTX(ssl, route->second.native_handle());
    return SSL_TLSEXT_ERR_OK;
  }

  std::map<std::string, asio::ssl::context> contexts_;
  bool needs_sni_ = false;
};

}  // namespace pgtls::collectors
