#include "exporter/config/config.h"

#include <stdexcept>

namespace pgtls::config {

const CollectorConfig& ServerConfig::collector(std::string_view collector_name) const {
  const auto found = collectors.find(collector_name);
  if (found != collectors.end()) return found->second;
  const auto known = DefaultCollectors().find(collector_name);
  if (known == DefaultCollectors().end()) throw std::out_of_range("no collector " + std::string(collector_name));
  return known->second;
}

const std::map<std::string, CollectorConfig, std::less<>>& DefaultCollectors() {
  using std::chrono::minutes;
  using std::chrono::seconds;
  static const std::map<std::string, CollectorConfig, std::less<>> kDefaults = {
      {"sessions", {.interval = seconds(15), .timeout = seconds(5)}},
      {"settings", {.interval = seconds(60), .timeout = seconds(5)}},
      {"hba", {.interval = seconds(60), .timeout = seconds(10)}},
      {"endpoint", {.interval = minutes(5), .timeout = seconds(30)}},
      {"certificates", {.interval = minutes(10), .timeout = seconds(30), .max_series = 500}},
  };
  return kDefaults;
}

}  // namespace pgtls::config
