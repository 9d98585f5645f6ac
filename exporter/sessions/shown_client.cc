#include "exporter/sessions/shown_client.h"

#include "exporter/metrics/series_cap.h"

namespace pgtls::sessions {

std::string ShownClient::ToString() const {
  if (folded) return std::string(metrics::kOther);
  if (!range) return "";
  return range->prefix == range->network.bits() ? range->network.ToString() : range->ToString();
}

ShownClient ShownClientOf(const Origin& origin, const AddressBuckets& buckets) {
  if (!origin.address) return {};
  const IpAddress address = origin.address->Unmapped();
  const int prefix = std::min(address.is_v4() ? buckets.ipv4_prefix : buckets.ipv6_prefix, address.bits());
  return {.range = Cidr{address.Masked(prefix), prefix}};
}

}  // namespace pgtls::sessions
