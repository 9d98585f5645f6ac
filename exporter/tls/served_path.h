// Which certificates of a chain a client's verification uses, and until when that path is valid.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <vector>

#include "exporter/tls/verify.h"

namespace pgtls::tls {

struct ServedPath {
  std::vector<bool> needed;  // for each certificate of the chain; the first always is
  // The earliest end on the path, the anchor of sslrootcert included. Absent if no time can be read.
  std::optional<std::chrono::sys_seconds> not_after;
  // What the path has beyond the chain, in sslrootcert: of these certificates the one that ends first. Most often it is
  // the root alone. Absent if there is none.
  std::optional<CertificateFacts> anchor = std::nullopt;
  // The positions in the chain of certificates that are on the path although their extensions (extendedKeyUsage,
  // keyUsage, nsCertType; of an authority also basicConstraints) exclude this use: clients that verify refuse the path.
  std::vector<std::size_t> wrong_purpose = {};
};

// The path that libpq builds from this chain with this root file. Without a root file (`trust` is null), or if it has
// no anchor for the path: the chain itself.
ServedPath PathOf(const Chain& chain, const TrustStore* trust);

}  // namespace pgtls::tls
