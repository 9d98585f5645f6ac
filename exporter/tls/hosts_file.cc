#include "exporter/tls/hosts_file.h"

#include <algorithm>

#include "exporter/base/text.h"

namespace pgtls::tls {

const HostEntry* HostsFile::EntryFor(std::string_view host) const {
  const auto find = [this](const std::string& name) {
    return std::ranges::find_if(entries, [&](const HostEntry& entry) { return Lower(entry.host) == name; });
  };
  auto found = find(Lower(host));
  if (found == entries.end()) found = find(std::string(kEveryName));
  return found == entries.end() ? nullptr : &*found;
}

}  // namespace pgtls::tls
