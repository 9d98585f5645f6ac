// Whether two things are the same, without keeping both.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace pgtls {

// The first half of a SHA-256: no two texts that anyone could make share it. Zero stands for nothing.
using Digest = std::array<std::uint8_t, 16>;

// Throws std::bad_alloc.
Digest DigestOf(std::string_view bytes);

}  // namespace pgtls
