#include "exporter/config/load.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <system_error>
#include <utility>

#include "exporter/base/error.h"
#include "exporter/base/file.h"
#include "exporter/config/addresses.h"
#include "exporter/config/collectors.h"
#include "exporter/config/policy.h"
#include "exporter/config/yaml.h"

namespace pgtls::config {
namespace {

constexpr std::size_t kMaxFileBytes = 16 << 20;
constexpr std::size_t kMostRoots = 16;
constexpr std::size_t kMostProcesses = 64;

std::string DirectoryOf(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash + 1);
}

bool IsUri(const std::string& conninfo) {
  return conninfo.starts_with("postgresql://") || conninfo.starts_with("postgres://");
}

std::set<std::string> CheckConninfo(const Node& node, const std::string& conninfo, const ConninfoCheck& check) {
  try {
    return check(conninfo);
  } catch (const UnavailableError& error) {
    node.FailForNow(error.what());
  } catch (const ConfigError& error) {
    node.Fail(error.what());
  }
}

// The target supplies the host, in front of the module's conninfo. The last of two equal keywords counts, so a module
// that named a host would send its password to wherever that is. What the string sets is libpq's to say: blanks are
// more than spaces, and what looks like a keyword may be the value of the one before.
void CheckModuleConninfo(const Node& node, const std::string& conninfo, const ConninfoCheck& check) {
  if (IsUri(conninfo)) node.Fail("a module's conninfo has the form key=value");
  const std::set<std::string> keywords = CheckConninfo(node, conninfo, check);
  for (const char* key : {"host", "hostaddr", "port", "service"}) {
    if (!keywords.contains(key)) continue;
    node.Fail(std::string("a module's conninfo must not contain ") + key + ": the target of the probe names it");
  }
}

// Each says where a process is; the rest is the conninfo's.
std::vector<std::string> ParseProcesses(const Node& node, const ConninfoCheck& check) {
  std::vector<std::string> processes;
  for (const Node& entry : node.List()) {
    const std::string text = entry.Text();
    if (IsUri(text)) entry.Fail("an entry has the form key=value, such as host=/run/pgbouncer/1 port=6432");
    const std::set<std::string> keywords = CheckConninfo(entry, text, check);
    if (keywords.empty()) entry.Fail("an entry names host, hostaddr or port");
    for (const std::string& keyword : keywords) {
      if (keyword == "host" || keyword == "hostaddr" || keyword == "port") continue;
      entry.Fail("an entry has host, hostaddr and port only: " + keyword + " is taken from the server's conninfo");
    }
    if (std::ranges::find(processes, text) != processes.end()) entry.Fail("the entry is listed twice");
    processes.push_back(text);
  }
  if (processes.size() > kMostProcesses) node.Fail(fmt::format("at most {} processes", kMostProcesses));
  return processes;
}

// Throws at the node's position.
void CheckName(const Node& node, std::string_view name) {
  if (name.empty()) node.Fail("the name must not be empty");
  if (name.size() > 200) node.Fail("longer than 200 bytes");
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20) node.Fail("a control character is not allowed");
  }
}

std::string ParseName(const Node& node) {
  std::string name = node.Text();
  CheckName(node, name);
  return name;
}

// `defaults` and those of `node`, of which one may replace a default.
Roots ParseRoots(const Node& node, Roots defaults, const Files& files) {
  for (const auto& [name, file] : node.Map({})) {
    CheckName(file, name);
    defaults.insert_or_assign(name, files.Path(file));
  }
  if (defaults.size() > kMostRoots) {
    node.Fail(fmt::format("at most {} root files for a server: each is verified in every run", kMostRoots));
  }
  return defaults;
}

struct Document {
  Files files;
  const CollectorSchemas& collectors;
  const ConninfoCheck& check;
};

ServerConfig ParseServer(const Node& node, Document& document, const Config& config) {
  ServerConfig server;
  server.collectors = config.collectors;
  server.policy = config.policy;
  server.roots = config.roots;
  for (const auto& [key, value] : node.Map(
           {"name", "conninfo", "password_file", "processes", "endpoint", "endpoint_names", "roots", "collectors"})) {
    if (key == "name") server.name = ParseName(value);
    if (key == "conninfo") {
      server.conninfo = value.TextOrEmpty();
      CheckConninfo(value, server.conninfo, document.check);
    }
    if (key == "password_file") server.password_file = document.files.SecretPath(value);
    if (key == "processes") server.processes = ParseProcesses(value, document.check);
    if (key == "endpoint") server.endpoint = ParseHostPort(value);
    if (key == "endpoint_names") server.endpoint_names = ParseHostNames(value);
    if (key == "roots") server.roots = ParseRoots(value, config.roots, document.files);
    if (key == "collectors") {
      server.collectors = ParseCollectors(value, config.collectors, document.collectors, document.files);
    }
  }
  if (server.name.empty()) node.Fail("a server needs a name");
  return server;
}

Module ParseModule(const std::string& name, const Node& node, Document& document) {
  Module module;
  module.name = name;
  for (const auto& [key, value] : node.Map({"conninfo", "password_file", "collectors", "allowed_targets"})) {
    if (key == "conninfo") {
      module.conninfo = value.TextOrEmpty();
      CheckModuleConninfo(value, module.conninfo, document.check);
    }
    if (key == "password_file") module.password_file = document.files.SecretPath(value);
    if (key == "collectors") {
      for (const Node& collector : value.List()) {
        const std::string text = collector.Text();
        if (!document.collectors.contains(text)) collector.Fail("there is no collector of this name");
        module.collectors.push_back(text);
      }
    }
    if (key == "allowed_targets") {
      for (const Node& target : value.List()) module.allowed_targets.push_back(ParseAllowedTarget(target));
    }
  }
  if (module.allowed_targets.empty()) {
    node.Fail(
        "allowed_targets is required: without it every target would be refused (for example ['10.0.0.0/8:5432'])");
  }
  if (module.collectors.empty()) node.Fail("collectors is required: those that this module may run");
  return module;
}

void ParseServers(const Node& node, Document& document, Config& config) {
  std::set<std::string> names;
  for (const Node& item : node.List()) {
    ServerConfig server = ParseServer(item, document, config);
    if (!names.insert(server.name).second) item.Fail("the name '" + server.name + "' is used twice");
    config.servers.push_back(std::move(server));
  }
}

// Files of this machine are no server's: those of the section `collectors` are read and exported once.
void KeepFilesOnce(std::string_view collector, const CollectorSchema& schema, Config& config) {
  auto& for_all = schema.local_files(config.collectors.find(collector)->second.options);
  bool kept = false;
  for (ServerConfig& server : config.servers) {
    CollectorConfig& settings = server.collectors.find(collector)->second;
    auto& files = schema.local_files(settings.options);
    if (files != for_all) continue;
    if (kept || !settings.enabled) files.clear();
    kept = kept || settings.enabled;
  }
  if (kept) for_all.clear();  // else /probe is all that reads them
}

}  // namespace

Config Parse(const std::string& path, const std::string& content, const CollectorSchemas& collectors,
             const ConninfoCheck& check, const Shard& shard) {
  const Node root = ParseYaml(path, content);
  Document document{{DirectoryOf(path), {}}, collectors, check};
  const auto sections = root.Map({"servers", "roots", "collectors", "policy", "modules"});
  Config config;
  config.collectors = DefaultCollectors(collectors);
  // Defaults and policy first, wherever they stand in the file: servers take them over.
  for (const auto& [key, value] : sections) {
    if (key == "collectors") {
      config.collectors = ParseCollectors(value, std::move(config.collectors), collectors, document.files);
    }
    if (key == "policy") config.policy = ParsePolicy(value);
    if (key == "roots") config.roots = ParseRoots(value, {}, document.files);
  }
  for (const auto& [key, value] : sections) {
    if (key == "servers") ParseServers(value, document, config);
    if (key == "modules") {
      for (const auto& [name, module] : value.Map({})) config.modules.push_back(ParseModule(name, module, document));
    }
  }
  if (config.servers.empty() && config.modules.empty())
    root.Fail("no servers (and no modules for /probe) are configured");
  std::erase_if(config.servers, [&](const ServerConfig& server) { return !shard.Has(server.name); });
  for (const auto& [name, schema] : collectors) {
    if (schema.local_files != nullptr) KeepFilesOnce(name, schema, config);
  }
  config.secret_files = std::move(document.files.secrets);
  return config;
}

Config LoadFile(const std::string& path, const CollectorSchemas& collectors, const ConninfoCheck& check,
                const Shard& shard) {
  std::string content;
  try {
    content = ReadFile(path, kMaxFileBytes);
  } catch (const std::system_error& error) {
    throw UnavailableError(error.what());
  } catch (const Error& error) {
    throw ConfigError(error.what());
  }
  return Parse(path, content, collectors, check, shard);
}

Config ForServers(const std::vector<std::pair<std::string, std::string>>& servers, const CollectorSchemas& collectors) {
  Config config;
  config.collectors = DefaultCollectors(collectors);
  for (const auto& [name, conninfo] : servers) {
    ServerConfig& server = config.servers.emplace_back();
    server.name = name;
    server.conninfo = conninfo;
    server.collectors = config.collectors;
  }
  return config;
}

std::optional<std::string> WhyUnreadable(const SecretFile& file) {
  if (access(file.path.c_str(), R_OK) == 0) return std::nullopt;
  return "cannot read " + file.path + ": " + std::generic_category().message(errno);
}

}  // namespace pgtls::config
