// The certificates of a PKCS#12 file (RFC 7292). Keys are left encrypted.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/tls/openssl.h"

namespace pgtls::tls {

struct Pkcs12Certificates {
  bool is_pkcs12 = false;    // else nothing else is set
  bool opened = true;        // false: something in it could not be opened
  std::string_view problem;  // where that is so: wrong_password, unsupported_encryption; else empty
  // Those that belong to a key first, then the file's order. Whole even where a part of the file could not be opened.
  std::vector<X509Ptr> certificates;
};

// None and the empty password are tried as well. A sum of iterations beyond the limit is not begun.
Pkcs12Certificates ReadPkcs12(std::string_view bytes, const std::optional<std::string>& password, long max_iterations);

}  // namespace pgtls::tls
