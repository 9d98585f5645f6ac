// The configuration as immutable values. Everything is parsed and checked before anything runs; what is here is valid.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/base/net_address.h"
#include "exporter/config/collector_options.h"

namespace pgtls::config {

using Milliseconds = std::chrono::milliseconds;

// The settings of one collector.
struct CollectorConfig {
  bool enabled = true;
  Milliseconds interval{15'000};
  Milliseconds timeout{5'000};
  CollectorOptions options;  // those of this collector alone

  friend bool operator==(const CollectorConfig&, const CollectorConfig&) = default;
};

using CollectorConfigs = std::map<std::string, CollectorConfig, std::less<>>;

// An entry of policy.allow_unencrypted: which unencrypted sessions are allowed. Absent fields match everything; at
// least one of user, database, client_addr is there, and application_name only beside user and client_addr.
struct Exemption {
  std::string name;
  std::optional<std::string> user;
  std::optional<std::string> database;
  std::optional<Cidr> client_addr;
  std::optional<std::string> application_name;
  // The last day (UTC) on which it holds.
  std::optional<std::chrono::sys_days> until;

  // The first instant at which it no longer holds.
  std::optional<std::chrono::sys_seconds> end() const {
    if (!until) return std::nullopt;
    return *until + std::chrono::days(1);
  }
  friend bool operator==(const Exemption&, const Exemption&) = default;
};

inline constexpr std::string_view kTlsVersions[] = {"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"};

// An entry of policy.require: what the TLS sessions that it selects must have. Absent fields select everything; at
// least one of the last three is there. There is no application_name: a client could choose one that is not selected.
struct Requirement {
  std::string name;
  std::optional<std::string> user;
  std::optional<std::string> database;
  std::optional<Cidr> client_addr;
  std::optional<std::string> min_version;   // of kTlsVersions
  std::vector<std::string> ciphers;         // one of these; empty: any
  std::vector<std::string> client_issuers;  // as pg_stat_ssl shows them, "/CN=…"; empty: no certificate is needed
  friend bool operator==(const Requirement&, const Requirement&) = default;
};

// How bad unencrypted connections over loopback are.
enum class LoopbackSeverity { kNote, kWarning, kCritical };

struct Policy {
  std::vector<Exemption> allow_unencrypted;
  std::vector<Requirement> require;
  LoopbackSeverity loopback = LoopbackSeverity::kNote;
  friend bool operator==(const Policy&, const Policy&) = default;
};

struct HostPort {
  std::string host;  // name or address, IPv6 without brackets
  int port = 5432;
  friend bool operator==(const HostPort&, const HostPort&) = default;
};

// Root certificate files that clients may have one day, by name: whether they would accept the server is checked.
using Roots = std::map<std::string, std::string>;

struct ServerConfig {
  std::string name;
  std::string conninfo;       // either libpq form; empty: libpq's environment
  std::string password_file;  // empty: none
  std::optional<HostPort> endpoint;
  std::vector<std::string> endpoint_names;  // host names that clients use besides the endpoint's own, for SNI
  Roots roots;                              // those for all servers included
  // Conninfos of PgBouncer's processes that share the port (so_reuseport), in front of which `conninfo` is put.
  std::vector<std::string> processes;
  CollectorConfigs collectors;  // one for each known collector, defaults merged in
  Policy policy;

  // Throws std::out_of_range for a name that no collector has.
  const CollectorConfig& collector(std::string_view collector_name) const;
};

// One pattern of a module's allowed_targets: an address range or a host glob ("*.db.example.com"), and a port or any
// ("*").
struct AllowedTarget {
  std::optional<Cidr> network;  // compared after resolution; absent: host_glob
  std::string host_glob;        // '*' only as the whole leftmost label
  std::optional<int> port;      // absent: any
  std::string zone{};           // of a link-local `network`, the interface; empty: any
  friend bool operator==(const AllowedTarget&, const AllowedTarget&) = default;
};

// What /probe may do under one name.
struct Module {
  std::string name;
  std::string conninfo;  // without host, hostaddr, port
  std::string password_file;
  std::vector<std::string> collectors;
  std::vector<AllowedTarget> allowed_targets;
};

// A file with a password. It is read when the password is needed, so it may appear after the start.
struct SecretFile {
  std::string place;  // where the configuration names it, as an error message begins
  std::string path;
};

struct Config {
  std::vector<ServerConfig> servers;  // in the file's order, names unique
  std::vector<Module> modules;
  Roots roots;  // for all servers, those of /probe included
  // For /probe and for servers without their own settings. Files of this machine that a server reads are not among
  // them (CollectorSchema::local_files).
  CollectorConfigs collectors;
  Policy policy;
  std::vector<SecretFile> secret_files;
};

}  // namespace pgtls::config
