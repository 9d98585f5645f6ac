#include "exporter/tls/record_buffers.h"

#include <gmock/gmock.h>
#include <openssl/crypto.h>

#include <cstddef>
#include <cstring>
#include <vector>

namespace pgtls::tls {
namespace {

using ::testing::UnorderedElementsAreArray;

// Before any test uses OpenSSL; all tests of this program run with it.
[[maybe_unused]] const bool g_called = [] {
  KeepRecordBuffers();
  return true;
}();

// Bytes that a record's buffer may have, and more than is ever kept of them.
constexpr std::size_t kRecord = 16709;
constexpr std::size_t kMany = 64;

std::vector<void*> TakeMany(std::size_t bytes) {
  std::vector<void*> taken;
  for (std::size_t i = 0; i < kMany; ++i) {
    taken.push_back(OPENSSL_malloc(bytes));
    std::memset(taken.back(), 1, bytes);
  }
  return taken;
}

void GiveBack(const std::vector<void*>& taken) {
  for (void* const memory : taken) OPENSSL_free(memory);
}

// What comes again at once was kept: under the address sanitizer the heap gives nothing out that was just given back.
TEST(RecordBuffersTest, AFewAreKeptWhateverRecordTheyAreFor) {
  const std::vector<void*> first = TakeMany(kRecord);
  GiveBack(first);
  std::vector<void*> again;
  for (std::size_t i = 0; i < 16; ++i) {
    again.push_back(OPENSSL_malloc(i % 2 == 0 ? 16385 : 17408));
    std::memset(again.back(), 2, i % 2 == 0 ? 16385 : 17408);
  }
  const std::vector<void*> kept(first.begin(), first.begin() + 16);
  EXPECT_THAT(again, UnorderedElementsAreArray(kept));
  GiveBack(again);
}

TEST(RecordBuffersTest, OtherSizesComeFromTheHeap) {
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{16384}, std::size_t{17409}, std::size_t{100000}}) {
    const std::vector<void*> record = TakeMany(kRecord);
    GiveBack(record);
    const std::vector<void*> other = TakeMany(bytes);
    for (void* const memory : other) EXPECT_THAT(record, ::testing::Not(::testing::Contains(memory))) << bytes;
    GiveBack(other);
  }
}

TEST(RecordBuffersTest, ReallocationKeepsWhatIsInside) {
  auto* memory = static_cast<char*>(OPENSSL_realloc(nullptr, 8));
  std::memcpy(memory, "records", 8);
  memory = static_cast<char*>(OPENSSL_realloc(memory, kRecord));
  EXPECT_STREQ(memory, "records");
  memory = static_cast<char*>(OPENSSL_realloc(memory, 200000));
  EXPECT_STREQ(memory, "records");
  EXPECT_EQ(OPENSSL_realloc(memory, 0), nullptr);
  OPENSSL_free(nullptr);
}

}  // namespace
}  // namespace pgtls::tls
