// For walks over many small objects that lie all over the memory, each read once: a processor that learns of each when
// it is there waits for memory most of the time.
#pragma once

#include <cstddef>

namespace pgtls {

// Asks for memory that will be read soon. Never faults, whatever `first` is.
inline void Prefetch(const void* first, std::size_t bytes) {
  constexpr std::size_t kLine = 64;
  const auto* at = static_cast<const std::byte*>(first);
  for (std::size_t offset = 0; offset < bytes; offset += kLine) __builtin_prefetch(at + offset);
}

}  // namespace pgtls
