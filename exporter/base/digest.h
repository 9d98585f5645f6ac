// Digests: whether two inputs are equal, without keeping both.
#pragma once

#include <openssl/evp.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <type_traits>

namespace pgtls {

// The first half of a SHA-256 hash, so equal digests mean equal inputs. Zero: no input.
using Digest = std::array<std::uint8_t, 16>;

// Computes a digest piece by piece, in constant memory. Not thread-safe.
class Digester {
 public:
  // This and all other members throw std::bad_alloc.
  Digester();

  // Adds a number, in the byte order of this machine.
  template <typename T>
    requires std::is_arithmetic_v<T>
  void Number(T value) {
    const auto raw = std::bit_cast<std::array<char, sizeof(T)>>(value);
    Bytes(std::string_view(raw.data(), raw.size()));
  }
  // Adds a text with its length, so that consecutive texts cannot run together.
  void Text(std::string_view text) {
    Number(text.size());
    Bytes(text);
  }
  // Adds another digest.
  void Part(const Digest& part) { Bytes(std::string_view(reinterpret_cast<const char*>(part.data()), part.size())); }
  // Adds bytes without their number: REQUIRES a fixed number at this place.
  void Bytes(std::string_view bytes);

  // Returns the digest of everything added. REQUIRES: nothing is added after it.
  Digest Finish();

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

// The digest of one text. Throws std::bad_alloc.
Digest DigestOf(std::string_view bytes);

}  // namespace pgtls
