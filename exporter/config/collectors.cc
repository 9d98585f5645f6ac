#include "exporter/config/collectors.h"

#include <algorithm>
#include <string_view>

namespace pgtls::config {
namespace {

constexpr Milliseconds kShortestInterval{100};
constexpr Milliseconds kShortestTimeout{10};

void ParseOne(const Node& node, const CollectorSchema& schema, Files& files, CollectorConfig& config) {
  std::vector<std::string_view> known = {"enabled", "interval", "timeout"};
  for (const OptionKey& own : schema.keys) known.push_back(own.name);
  for (const auto& [key, value] : node.Map(known)) {
    if (key == "enabled") config.enabled = value.Bool();
    if (key == "interval") config.interval = value.Duration(kShortestInterval);
    if (key == "timeout") config.timeout = value.Duration(kShortestTimeout);
    const auto own = std::ranges::find(schema.keys, key, &OptionKey::name);
    if (own != schema.keys.end()) own->read(value, files, config.options);
  }
}

}  // namespace

std::string Files::Path(const Node& node) const {
  const std::string text = node.Text();
  return text.starts_with('/') ? text : directory + text;
}

std::string Files::SecretPath(const Node& node) {
  secrets.push_back({node.Place(), Path(node)});
  return secrets.back().path;
}

bool ReadBool(const Node& node, Files& /*files*/) { return node.Bool(); }

int ReadIntBetween(const Node& node, int least, int most) { return node.Int(least, most); }

Milliseconds ReadInterval(const Node& node, Files& /*files*/) { return node.Duration(kShortestInterval); }

std::size_t ReadMaxSeries(const Node& node, Files& /*files*/) { return static_cast<std::size_t>(node.Int(1, 100'000)); }

std::string ReadSecretPath(const Node& node, Files& files) { return files.SecretPath(node); }

std::vector<std::string> ReadPaths(const Node& node, Files& files) {
  std::vector<std::string> paths;
  for (const Node& path : node.List()) paths.push_back(files.Path(path));
  return paths;
}

CollectorConfigs DefaultCollectors(const CollectorSchemas& schemas) {
  CollectorConfigs defaults;
  for (const auto& [name, schema] : schemas) defaults.emplace(name, schema.Defaults());
  return defaults;
}

CollectorConfigs ParseCollectors(const Node& node, CollectorConfigs defaults, const CollectorSchemas& schemas,
                                 Files& files) {
  std::vector<std::string_view> names;
  for (const auto& [name, schema] : schemas) names.push_back(name);
  for (const auto& [name, settings] : node.Map(names)) {
    ParseOne(settings, schemas.at(name), files, defaults.at(name));
  }
  return defaults;
}

}  // namespace pgtls::config
