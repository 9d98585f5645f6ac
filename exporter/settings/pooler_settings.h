// The settings of a PgBouncer.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace pgtls::settings {

// The kind of server (sampling::Driver::kind()).
inline constexpr std::string_view kPgBouncer = "PgBouncer";

// As its console shows them: as they were read last. TLS settings that PgBouncer could not apply are not in force.
struct PoolerSettings {
  // Where a database of the pooler leads.
  struct Target {
    std::string database;  // as clients name it
    std::string host;      // a name, an address or a list of them; empty or with a slash: a Unix socket
    std::string port;
  };

  std::string version;  // "1.26.1"
  // What concerns encryption and authentication, and where it listens; none is secret.
  std::map<std::string, std::string, std::less<>> values;

  std::vector<Target> targets;

  // Empty where this version does not have it.
  std::string_view Get(std::string_view name) const {
    const auto found = values.find(name);
    return found == values.end() ? std::string_view() : found->second;
  }
  // Whether clients are told to use TLS.
  bool RequiresTls() const {
    const std::string_view mode = Get("client_tls_sslmode");
    return mode == "require" || mode == "verify-ca" || mode == "verify-full";
  }
};

}  // namespace pgtls::settings
