#include "exporter/base/digest.h"

#include <algorithm>
#include <new>

namespace pgtls {
namespace {

// Fetched once: EVP_sha256() would be looked up under locks for each digest.
const EVP_MD* Sha256() {
  static EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  if (fetched == nullptr) throw std::bad_alloc();
  return fetched;
}

}  // namespace

Digester::Digester() : context_(EVP_MD_CTX_new()) {
  if (!context_ || EVP_DigestInit_ex2(context_.get(), Sha256(), nullptr) != 1) throw std::bad_alloc();
}

void Digester::Bytes(std::string_view bytes) {
  if (EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1) throw std::bad_alloc();
}

Digest Digester::Finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> full{};
  if (EVP_DigestFinal_ex(context_.get(), full.data(), nullptr) != 1) throw std::bad_alloc();
  Digest digest;
  std::copy_n(full.begin(), digest.size(), digest.begin());
  return digest;
}

Digest DigestOf(std::string_view bytes) {
  Digester digester;
  digester.Bytes(bytes);
  return digester.Finish();
}

}  // namespace pgtls
