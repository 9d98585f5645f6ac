// --web.config.file, in the format of Prometheus' exporter-toolkit.
#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "exporter/http/message.h"

namespace pgtls::access {

struct RateLimit {
  std::chrono::nanoseconds interval{0};  // between requests; more than 0
  int burst = 1;
  friend bool operator==(const RateLimit&, const RateLimit&) = default;
};

// Immutable and complete: certificates are loaded and match their keys.
struct WebConfig {
  std::shared_ptr<SSL_CTX> tls;  // null: plain HTTP
  http::Headers headers;         // of http_server_config; an empty value removes the header of that name
  std::map<std::string, std::string, std::less<>> users;  // name → bcrypt hash; empty: no authentication
  std::optional<RateLimit> rate_limit;
  std::vector<std::string> files;  // the files that were read, the configuration first
};

// Reads the file and the files that it names (paths relative to it). Blocks. Throws ConfigError with file:line:column.
// A key without a value is ignored, as in exporter-toolkit. Stricter than exporter-toolkit where a listener would be
// more open than its file suggests: basic_auth_users without users, tls_server_config without a certificate,
// verification without a CA, and a value both inline and by file are errors. http2 is accepted and has no effect.
WebConfig LoadWebConfig(const std::string& path);

}  // namespace pgtls::access
