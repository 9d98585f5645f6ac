#include "exporter/access/client_network.h"

#include "exporter/base/host_port.h"
#include "exporter/base/net_address.h"

namespace pgtls::access {

std::string ClientNetwork(std::string_view client) {
  const std::string_view host = SplitHostPort(client).value_or(HostAndPort{}).host;
  const auto address = IpAddress::Parse(host.substr(0, host.find('%')));
  if (!address) return std::string(client);
  const IpAddress plain = address->Unmapped();
  if (plain.is_v4()) return plain.ToString();
  return Cidr{plain.Masked(64), 64}.ToString();
}

}  // namespace pgtls::access
