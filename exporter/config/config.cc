#include "exporter/config/config.h"

#include <stdexcept>

namespace pgtls::config {

const CollectorConfig& ServerConfig::collector(std::string_view collector_name) const {
  const auto found = collectors.find(collector_name);
  if (found == collectors.end()) throw std::out_of_range("no collector " + std::string(collector_name));
  return found->second;
}

}  // namespace pgtls::config
