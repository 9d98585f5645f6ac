// Which certificates of a chain a client's verification goes over, and until when that path holds.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "exporter/tls/verify.h"

namespace pgtls::tls {

struct ServedPath {
  std::vector<bool> needed;  // for each certificate of the chain; the first always is
  // The earliest end on the path, the anchor of sslrootcert included. Absent where a time cannot be read.
  std::optional<std::chrono::sys_seconds> not_after;
};

// As libpq builds the path from this chain with this root file. Without one (`trust` null), or where it has no
// anchor for the path: as the chain itself goes.
ServedPath PathOf(const Chain& chain, const TrustStore* trust);

}  // namespace pgtls::tls
