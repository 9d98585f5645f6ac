// Any bytes as a configuration file: an answer or a ConfigError with its place, and nothing else.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "collectors/registry.h"
#include "exporter/base/error.h"
#include "exporter/config/load.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pgtls;
  const std::string content(reinterpret_cast<const char*>(data), size);
  try {
    const config::Config config = config::Parse("/nowhere/c.yml", content, collectors::Schemas(),
                                                [](const std::string&) { return std::set<std::string>(); });
    if (config.servers.empty() && config.modules.empty()) std::abort();
    for (const auto& server : config.servers) {
      if (server.name.empty() || server.collectors.size() != collectors::Schemas().size()) std::abort();
    }
    for (const auto& exemption : config.policy.allow_unencrypted) {
      if (!exemption.user && !exemption.database && !exemption.client_addr) std::abort();
    }
  } catch (const ConfigError& error) {
    const std::string text = error.what();
    if (!text.starts_with("/nowhere/c.yml:") || text.find(":0:") == 14) std::abort();
  }
  return 0;
}
