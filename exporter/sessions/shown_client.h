// A connection's client as metrics and pages show it: an address, a range of addresses, or any (folded).
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <tuple>

#include "exporter/base/net_address.h"
#include "exporter/sessions/session.h"

namespace pgtls::sessions {

// Addresses that share this many leading bits are shown as one range; at full length (32, 128) each is shown alone.
struct AddressBuckets {
  int ipv4_prefix = 32;
  int ipv6_prefix = 128;
};

struct ShownClient {
  // Absent over a Unix socket, if the server cannot print the address, and if addresses are not shown.
  std::optional<Cidr> range;
  bool folded = false;  // any address: the cap on series folded this one

  // "10.1.2.3", "10.1.0.0/16", kOther, or empty.
  std::string ToString() const;
  // The same after folding. A client without an address stays as it is.
  ShownClient Folded() const { return {.range = std::nullopt, .folded = folded || range.has_value()}; }
  auto Fields() const { return std::tie(range, folded); }
  friend auto operator<=>(const ShownClient&, const ShownClient&) = default;
};

ShownClient ShownClientOf(const Origin& origin, const AddressBuckets& buckets);

}  // namespace pgtls::sessions
