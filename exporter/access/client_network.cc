#include "exporter/access/client_network.h"

#include "exporter/base/net_address.h"

namespace pgtls::access {

std::string ClientNetwork(std::string_view client) {
  std::string_view host = client.substr(0, client.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const auto address = IpAddress::Parse(host.substr(0, host.find('%')));
  if (!address) return std::string(client);
  const IpAddress plain = address->Unmapped();
  if (plain.is_v4()) return plain.ToString();
  return Cidr{plain.Masked(64), 64}.ToString();
}

}  // namespace pgtls::access
