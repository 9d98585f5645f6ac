// Whether two things are the same, without keeping both.
#pragma once

#include <openssl/evp.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <type_traits>

namespace pgtls {

// The first half of a SHA-256: no two texts that anyone could make share it. Zero stands for nothing.
using Digest = std::array<std::uint8_t, 16>;

// Takes what is to be digested piece by piece and keeps none of it: a thousand sessions need no memory here.
class Digester {
 public:
  // Throws std::bad_alloc, as all of these.
  Digester();

  // A number as it lies in memory.
  template <typename T>
    requires std::is_arithmetic_v<T>
  void Number(T value) {
    const auto raw = std::bit_cast<std::array<char, sizeof(T)>>(value);
    Bytes(std::string_view(raw.data(), raw.size()));
  }
  // A text that ends where it ends, whatever comes after it.
  void Text(std::string_view text) {
    Number(text.size());
    Bytes(text);
  }
  // Another digest, as a part of this one.
  void Part(const Digest& part) { Bytes(std::string_view(reinterpret_cast<const char*>(part.data()), part.size())); }
  // Bytes whose number is known: they have no end of their own.
  void Bytes(std::string_view bytes) {
    // Here, where most sizes are known: a thousand numbers are a thousand stores then, and no calls.
    if (bytes.size() > waiting_.size() - waits_) {
      AfterFlush(bytes);
    } else if (!bytes.empty()) {
      std::memcpy(waiting_.data() + waits_, bytes.data(), bytes.size());
      waits_ += bytes.size();
    }
  }

  // Of all so far; nothing may come after it.
  Digest Finish();

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  void Flush();
  // What does not fit behind what waits.
  void AfterFlush(std::string_view bytes);

  std::unique_ptr<EVP_MD_CTX, Free> context_;
  // Pieces are a few bytes each: the library is called for many at once.
  std::array<char, 512> waiting_{};
  std::size_t waits_ = 0;
};

// Of this text alone. Throws std::bad_alloc.
Digest DigestOf(std::string_view bytes);

}  // namespace pgtls
