// Whether two things are the same, without keeping both.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace pgtls {

// The first half of a SHA-256: no two texts that anyone could make share it. Zero stands for nothing.
using Digest = std::array<std::uint8_t, 16>;

// Throws std::bad_alloc.
Digest DigestOf(std::string_view bytes);

// A number as it lies in memory, at the end of what is to be digested.
template <typename T>
  requires std::is_arithmetic_v<T>
void AppendNumber(T value, std::string& bytes) {
  const auto raw = std::bit_cast<std::array<char, sizeof(T)>>(value);
  bytes.append(raw.data(), raw.size());
}

// A text that ends where it ends, whatever is appended after it.
inline void AppendText(std::string_view text, std::string& bytes) {
  AppendNumber(text.size(), bytes);
  bytes += text;
}

}  // namespace pgtls
