#include "exporter/tls/record_buffers.h"

#include <gmock/gmock.h>
#include <openssl/crypto.h>

#include <atomic>
#include <cstddef>
#include <cstring>
#include <thread>
#include <vector>

namespace pgtls::tls {
namespace {

using ::testing::Contains;
using ::testing::Not;
using ::testing::UnorderedElementsAreArray;

// Before any test uses OpenSSL; all tests of this program run with it.
const bool g_kept = KeepRecordBuffers();

// Bytes that a record's buffer may have, how many of them are kept, and more than those.
constexpr std::size_t kRecord = 16709;
constexpr std::size_t kKept = 16;
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

// Those that are kept then.
std::vector<void*> KeepSome() {
  std::vector<void*> taken = TakeMany(kRecord);
  GiveBack(taken);
  taken.resize(kKept);
  return taken;
}

// What comes again at once was kept: under the address sanitizer the heap gives nothing out that was just given back.
TEST(RecordBuffersTest, AFewAreKeptWhateverRecordTheyAreFor) {
  ASSERT_TRUE(g_kept);
  const std::vector<void*> kept = KeepSome();
  std::vector<void*> again;
  for (std::size_t i = 0; i < kKept; ++i) {
    const std::size_t bytes = i % 2 == 0 ? 16385 : 17408;
    again.push_back(OPENSSL_malloc(bytes));
    std::memset(again.back(), 2, bytes);
  }
  EXPECT_THAT(again, UnorderedElementsAreArray(kept));
  GiveBack(again);
}

TEST(RecordBuffersTest, OtherSizesComeFromTheHeap) {
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{16384}, std::size_t{17409}, std::size_t{100000}}) {
    const std::vector<void*> kept = KeepSome();
    const std::vector<void*> other = TakeMany(bytes);
    for (void* const memory : other) EXPECT_THAT(kept, Not(Contains(memory))) << bytes;
    GiveBack(other);
  }
  EXPECT_EQ(OPENSSL_malloc(0), nullptr);
}

// A buffer that two had at once would not hold what its owner wrote.
TEST(RecordBuffersTest, EachHasOneOwnerAtATime) {
  std::vector<std::thread> threads;
  std::atomic<int> spoilt{0};
  for (char own = 1; own <= 4; ++own) {
    threads.emplace_back([own, &spoilt] {
      for (int i = 0; i < 2000; ++i) {
        auto* const memory = static_cast<char*>(OPENSSL_malloc(kRecord));
        std::memset(memory, own, kRecord);
        if (memory[0] != own || memory[kRecord - 1] != own) ++spoilt;
        OPENSSL_free(memory);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(spoilt, 0);
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
