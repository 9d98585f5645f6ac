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
  std::chrono::nanoseconds interval{0};  // one request each; more than 0
  int burst = 1;
  friend bool operator==(const RateLimit&, const RateLimit&) = default;
};

// Immutable, and complete: certificates are loaded, and fit.
struct WebConfig {
  std::shared_ptr<SSL_CTX> tls;  // null: plain HTTP
  http::Headers headers;         // of http_server_config; an empty value takes the header of that name away
  std::map<std::string, std::string, std::less<>> users;  // name → bcrypt hash; none: everyone may ask
  std::optional<RateLimit> rate_limit;
  std::vector<std::string> files;  // all that this was read from, the configuration first
};

// Reads the file and all that it names (paths relative to it). Blocks. Throws ConfigError with file:line:column.
// Nothing behind a key is as if the key were not there, as in the original. Stricter than that where it would leave a
// listener more open than its file looks: basic_auth_users without users, tls_server_config without a certificate,
// verification without a CA, a value both in line and by file are errors. http2 is taken and has no effect.
WebConfig LoadWebConfig(const std::string& path);

}  // namespace pgtls::access
