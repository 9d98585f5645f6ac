#include "exporter/config/collectors.h"

namespace pgtls::config {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLeastInterval{100};
constexpr milliseconds kLeastTimeout{10};

ReadVia ParseReadVia(const Node& node) {
  const std::string text = node.Text();
  if (text == "auto") return ReadVia::kAuto;
  if (text == "local") return ReadVia::kLocal;
  if (text == "sql") return ReadVia::kSql;
  node.Fail("expected auto, local or sql");
}

std::vector<std::pair<std::string, Node>> Keys(const std::string& collector, const Node& node) {
  if (collector == "sessions") {
    return node.Map({"enabled", "interval", "timeout", "client_addr", "ipv4_prefix", "ipv6_prefix", "max_series"});
  }
  if (collector == "hba") return node.Map({"enabled", "interval", "timeout", "max_series"});
  if (collector == "endpoint") return node.Map({"enabled", "interval", "timeout", "enforcement_interval"});
  if (collector == "certificates") {
    return node.Map({"enabled", "interval", "timeout", "read_via", "files", "pkcs12_password_file", "max_series"});
  }
  return node.Map({"enabled", "interval", "timeout"});
}

void ParseOne(const std::string& collector, const Node& node, Files& files, CollectorConfig& config) {
  for (const auto& [key, value] : Keys(collector, node)) {
    if (key == "enabled") config.enabled = value.Bool();
    if (key == "interval") config.interval = value.Duration(kLeastInterval);
    if (key == "timeout") config.timeout = value.Duration(kLeastTimeout);
    if (key == "client_addr") config.client_addr = value.Bool();
    if (key == "ipv4_prefix") config.ipv4_prefix = value.Int(0, 32);
    if (key == "ipv6_prefix") config.ipv6_prefix = value.Int(0, 128);
    if (key == "max_series") config.max_series = static_cast<std::size_t>(value.Int(1, 100'000));
    if (key == "enforcement_interval") config.enforcement_interval = value.Duration(kLeastInterval);
    if (key == "read_via") config.read_via = ParseReadVia(value);
    if (key == "pkcs12_password_file") config.pkcs12_password_file = files.SecretPath(value);
    if (key == "files") {
      config.files.clear();
      for (const Node& pattern : value.List()) {
        const std::string text = pattern.Text();
        config.files.push_back(text.starts_with('/') ? text : files.directory + text);
      }
    }
  }
}

}  // namespace

std::string Files::SecretPath(const Node& node) {
  const std::string text = node.Text();
  secrets.push_back({node.Place(), text.starts_with('/') ? text : directory + text});
  return secrets.back().path;
}

CollectorConfigs ParseCollectors(const Node& node, CollectorConfigs defaults, Files& files) {
  for (const auto& [name, settings] : node.Map({"sessions", "settings", "hba", "endpoint", "certificates"})) {
    ParseOne(name, settings, files, defaults.at(name));
  }
  return defaults;
}

}  // namespace pgtls::config
