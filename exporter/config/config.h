// The configuration as immutable values. Everything is parsed and checked before anything runs; what is here is valid.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/base/net_address.h"

namespace pgtls::config {

using Milliseconds = std::chrono::milliseconds;

// Where certificate files are read: locally, or through the server's SECURITY DEFINER functions. kAuto is kLocal over a
// Unix socket and kSql otherwise.
enum class ReadVia { kAuto, kLocal, kSql };

// The settings of one collector. Those that only one collector has keep their defaults in the others.
struct CollectorConfig {
  bool enabled = true;
  Milliseconds interval{15'000};
  Milliseconds timeout{5'000};

  // sessions
  bool client_addr = false;      // client_addr as a label of pg_tls_connections
  int ipv4_prefix = 32;          // 0 … 32; less than 32 buckets client_addr
  int ipv6_prefix = 128;         // 0 … 128
  std::size_t max_series = 200;  // per metric and server; also the hba and certificates collectors'

  // hba: names that regular expressions are asked about beside the cluster's own. Never in a file: `explain` asks so.
  std::vector<std::string> names;

  // endpoint
  Milliseconds enforcement_interval{3'600'000};

  // certificates
  ReadVia read_via = ReadVia::kAuto;
  std::vector<std::string> files;    // glob patterns
  std::string pkcs12_password_file;  // for the PKCS#12 files among them

  friend bool operator==(const CollectorConfig&, const CollectorConfig&) = default;
};

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

struct Policy {
  std::vector<Exemption> allow_unencrypted;
  friend bool operator==(const Policy&, const Policy&) = default;
};

struct HostPort {
  std::string host;  // name or address, IPv6 without brackets
  int port = 5432;
  friend bool operator==(const HostPort&, const HostPort&) = default;
};

struct ServerConfig {
  std::string name;
  std::string conninfo;       // either libpq form; empty: libpq's environment
  std::string password_file;  // empty: none
  std::optional<HostPort> endpoint;
  std::map<std::string, CollectorConfig, std::less<>> collectors;  // one for each known collector, defaults merged in
  Policy policy;

  const CollectorConfig& collector(std::string_view collector_name) const;
  friend bool operator==(const ServerConfig&, const ServerConfig&) = default;
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
  friend bool operator==(const Module&, const Module&) = default;
};

// A file with a password. It is read when the password is needed, so it may appear after the start.
struct SecretFile {
  std::string place;  // where the configuration names it, as an error message begins
  std::string path;
};

struct Config {
  std::vector<ServerConfig> servers;  // in the file's order, names unique
  std::vector<Module> modules;
  // Collector settings for /probe and for servers without their own; `files` apart, which one server has.
  std::map<std::string, CollectorConfig, std::less<>> collectors;
  Policy policy;
  std::vector<SecretFile> secret_files;
};

// The collectors that exist, with their defaults, in the order of collectors.def.
const std::map<std::string, CollectorConfig, std::less<>>& DefaultCollectors();

}  // namespace pgtls::config
