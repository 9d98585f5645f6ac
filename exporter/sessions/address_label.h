// client_addr as a label.
#pragma once

#include <string>

#include "exporter/sessions/session.h"

namespace pgtls::sessions {

// Addresses that share this many leading bits become one label; at full length (32, 128) each has its own.
struct AddressBuckets {
  int ipv4_prefix = 32;
  int ipv6_prefix = 128;
};

// "10.1.2.3", or "10.1.0.0/16" when bucketed. Empty over a Unix socket; text that is no address comes out as it is.
std::string AddressLabel(const Session& session, const Origin& origin, const AddressBuckets& buckets);

}  // namespace pgtls::sessions
