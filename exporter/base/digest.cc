#include "exporter/base/digest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <new>

namespace pgtls {

Digest DigestOf(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> full{};
  if (EVP_Digest(bytes.data(), bytes.size(), full.data(), nullptr, EVP_sha256(), nullptr) != 1) throw std::bad_alloc();
  Digest digest;
  std::copy_n(full.begin(), digest.size(), digest.begin());
  return digest;
}

}  // namespace pgtls
