#include "exporter/sessions/address_label.h"

namespace pgtls::sessions {

std::string AddressLabel(const Session& session, const Origin& origin, const AddressBuckets& buckets) {
  if (!origin.address) return std::string(session.client_addr);
  const int prefix = origin.address->is_v4() ? buckets.ipv4_prefix : buckets.ipv6_prefix;
  if (prefix >= origin.address->bits()) return origin.address->ToString();
  return Cidr{origin.address->Masked(prefix), prefix}.ToString();
}

}  // namespace pgtls::sessions
