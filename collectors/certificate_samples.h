// The certificates collector's samples: which series there are of what it has found.
#pragma once

#include <array>
#include <cstddef>

#include "exporter/metrics/desc.h"
#include "exporter/metrics/sink.h"
#include "exporter/tls/inventory.h"

namespace pgtls::collectors {

extern const std::array<const metrics::Desc*, 27> kCertificateDescs;

// A server chooses what it sends: the first ones of a longer chain have series.
inline constexpr std::size_t kMostServedCertificates = 16;

// At most `max_series` certificates that other names get, as many certificates in files, as many files and as many
// revocation lists have series: the server's own first, then those with a fault, then those that end first. Returns
// whether any was left out.
bool RenderCertificates(const tls::CertificateInventory& inventory, std::size_t max_series, metrics::Sink& sink);

}  // namespace pgtls::collectors
