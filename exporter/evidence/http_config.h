// How to reach Prometheus: its own file format for HTTP clients, which promtool reads too.
#pragma once

#include <string>

namespace pgtls::evidence {

struct HttpConfig {
  // Basic authentication.
  std::string username;
  std::string password;
  // The whole value of the header Authorization; empty: none.
  std::string authorization;
  // Paths; empty: none, or the system's authorities.
  std::string ca_file;
  std::string cert_file;
  std::string key_file;
  std::string server_name;  // in the certificate, if it is not the URL's host
  bool insecure_skip_verify = false;

  bool has_secret() const { return !password.empty() || !authorization.empty(); }
};

// basic_auth {username, password, password_file}, authorization {type, credentials, credentials_file},
// bearer_token_file, tls_config {ca_file, cert_file, key_file, server_name, insecure_skip_verify}. Relative paths begin
// at the file's folder. Blocks on files. Throws ConfigError with file:line:column.
HttpConfig LoadHttpConfig(const std::string& path);

}  // namespace pgtls::evidence
