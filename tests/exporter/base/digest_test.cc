#include "exporter/base/digest.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace pgtls {
namespace {

Digest OfTexts(std::initializer_list<std::string_view> texts) {
  Digester digester;
  for (const std::string_view text : texts) digester.Text(text);
  return digester.Finish();
}

TEST(DigestTest, IsTheFirstHalfOfSha256) {
  // FIPS 180-2, B.1.
  EXPECT_EQ(DigestOf("abc"),
            (Digest{0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23}));
}

TEST(DigestTest, IsThatOfTheWholeHoweverItCame) {
  std::string whole;
  for (int i = 0; i < 5000; ++i) whole += static_cast<char>('a' + i % 26);
  for (const std::size_t piece : {1u, 7u, 511u, 512u, 513u, 1024u, 4999u}) {
    Digester digester;
    for (std::size_t at = 0; at < whole.size(); at += piece) {
      digester.Bytes(std::string_view(whole).substr(at, piece));
    }
    EXPECT_EQ(digester.Finish(), DigestOf(whole)) << "in pieces of " << piece;
  }
}

TEST(DigestTest, TextsEndWhereTheyEnd) {
  EXPECT_EQ(OfTexts({"ab", "c"}), OfTexts({"ab", "c"}));
  EXPECT_NE(OfTexts({"ab", "c"}), OfTexts({"a", "bc"}));
  EXPECT_NE(OfTexts({"ab"}), OfTexts({"ab", ""}));
}

TEST(DigestTest, NumbersCountWithTheirWidth) {
  const auto of = [](auto... numbers) {
    Digester digester;
    (digester.Number(numbers), ...);
    return digester.Finish();
  };
  EXPECT_EQ(of(std::int64_t{1}), of(std::int64_t{1}));
  EXPECT_NE(of(std::int64_t{1}), of(std::int32_t{1}));
  EXPECT_NE(of(1, 2), of(2, 1));
  EXPECT_NE(of(true), of(false));
}

}  // namespace
}  // namespace pgtls
