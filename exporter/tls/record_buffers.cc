#include "exporter/tls/record_buffers.h"

#include <malloc.h>
#include <openssl/crypto.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <mutex>

namespace pgtls::tls {
namespace {

// A record's plaintext, and with its header, its tag and what a cipher may add: 16.7 kB, as nothing is compressed.
constexpr std::size_t kPlaintext = std::size_t{16} * 1024;
constexpr std::size_t kBuffer = kPlaintext + 1024;
// What the heap may give beyond what it was asked for.
constexpr std::size_t kRounding = 64;

std::mutex g_mutex;
std::array<void*, 16> g_kept{};  // the last one given back goes out first: it is still in the processor's cache
std::size_t g_count = 0;

void* TakeKept() {
  const std::lock_guard lock(g_mutex);
  return g_count > 0 ? g_kept.at(--g_count) : nullptr;
}

bool Keep(void* memory) {
  const std::lock_guard lock(g_mutex);
  if (g_count == g_kept.size()) return false;
  g_kept.at(g_count++) = memory;
  return true;
}

void* Allocate(std::size_t bytes, const char* /*file*/, int /*line*/) {
  if (bytes == 0) return nullptr;  // as OpenSSL's own does
  if (bytes <= kPlaintext || bytes > kBuffer) return std::malloc(bytes);
  void* const kept = TakeKept();
  return kept != nullptr ? kept : std::malloc(kBuffer);
}

void Free(void* memory, const char* /*file*/, int /*line*/) {
  if (memory == nullptr) return;
  // The heap alone knows how large it is.
  const std::size_t bytes = malloc_usable_size(memory);
  if (bytes < kBuffer || bytes > kBuffer + kRounding || !Keep(memory)) std::free(memory);
}

void* Reallocate(void* memory, std::size_t bytes, const char* file, int line) {
  if (bytes > 0) return std::realloc(memory, bytes);
  Free(memory, file, line);
  return nullptr;
}

}  // namespace

bool KeepRecordBuffers() { return CRYPTO_set_mem_functions(Allocate, Reallocate, Free) == 1; }

}  // namespace pgtls::tls
