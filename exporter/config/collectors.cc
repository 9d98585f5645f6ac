#include "exporter/config/collectors.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <system_error>
#include <utility>

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

std::size_t ReadByteSize(const Node& node, Files& /*files*/) {
  constexpr std::size_t kKilobyte = 1024;
  constexpr std::pair<std::string_view, std::size_t> kUnits[] = {{"kB", kKilobyte}, {"MB", kKilobyte * kKilobyte}};
  constexpr std::size_t kLeast = 64 * kKilobyte;
  constexpr std::size_t kMost = kKilobyte * kKilobyte * kKilobyte;
  const std::string text = node.Text();
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  for (const auto& [unit, factor] : kUnits) {
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + digits, number);
    if (text.substr(digits) != unit || digits == 0 || digits > 7 || error != std::errc()) continue;
    if (number * factor < kLeast || number * factor > kMost) break;
    return number * factor;
  }
  node.Fail("expected a size such as 512kB or 1MB, from 64kB to 1024MB");
}

std::string ReadPath(const Node& node, Files& files) { return files.Path(node); }

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
