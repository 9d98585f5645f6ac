// The certificates of a PKCS#12 file (RFC 7292). Keys are left encrypted.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/tls/openssl.h"

namespace pgtls::tls {

struct Pkcs12Certificates {
  bool is_pkcs12 = false;    // if false, nothing else is set
  bool opened = true;        // false: something in it could not be opened
  std::string_view problem;  // why: wrong_password, unsupported_encryption; empty if `opened`
  // Those that belong to a key first, then the file's order. Has all readable ones even if a part of the file could not
  // be opened.
  std::vector<X509Ptr> certificates;
};

// No password and the empty one are tried as well. Key derivation with more iterations than the limit is not started.
Pkcs12Certificates ReadPkcs12(std::string_view bytes, const std::optional<std::string>& password, long max_iterations);

}  // namespace pgtls::tls
