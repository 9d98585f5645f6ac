#include "exporter/tls/endpoint_facts.h"

#include "exporter/base/host_port.h"
#include "exporter/base/net_address.h"

namespace pgtls::tls {

bool IsLoopback(const EndpointFacts& endpoint) {
  const auto address = IpAddress::Parse(SplitHostPort(endpoint.address).value_or(HostAndPort{}).host);
  return address && address->IsLoopback();
}

}  // namespace pgtls::tls
