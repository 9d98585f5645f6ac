#include "exporter/access/bcrypt.h"

#include <crypt.h>
#include <openssl/crypto.h>

#include <cstddef>
#include <cstring>
#include <memory>

namespace pgtls::access {
namespace {

constexpr std::size_t kHashBytes = 60;
constexpr std::size_t kSaltBytes = 29;  // "$2y$10$" and 22 characters

}  // namespace

bool IsBcryptHash(std::string_view text) {
  const auto digit = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '9'; };
  if (text.size() != kHashBytes || !text.starts_with("$2") || !std::string_view("aby").contains(text[2])) return false;
  if (text[3] != '$' || text[6] != '$' || !digit(4) || !digit(5)) return false;
  const std::string_view cost = text.substr(4, 2);
  if (cost < "04" || cost > "31") return false;
  return text.substr(7).find_first_not_of("./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") ==
         std::string_view::npos;
}

bool BcryptMatches(const std::string& password, const std::string& hash) {
  // bcrypt would stop at the NUL, and accept "secret\0anything".
  if (password.contains('\0')) return false;
  const auto data = std::make_unique<crypt_data>();
  const char* result = crypt_r(password.c_str(), hash.substr(0, kSaltBytes).c_str(), data.get());
  return result != nullptr && std::strlen(result) == hash.size() &&
         CRYPTO_memcmp(result, hash.data(), hash.size()) == 0;
}

std::string UnmatchableBcrypt(const std::string& cost) {
  return "$2y$" + cost + "$" + std::string(kHashBytes - 7, '.');
}

}  // namespace pgtls::access
