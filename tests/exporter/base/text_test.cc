#include "exporter/base/text.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace pgtls {
namespace {

// Decodes strictly (RFC 3629), as a witness that is independent of the code under test.
bool IsUtf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const int more = lead < 0x80 ? 0 : (lead >> 5) == 6 ? 1 : (lead >> 4) == 14 ? 2 : (lead >> 3) == 30 ? 3 : -1;
    if (more < 0 || i + static_cast<std::size_t>(more) >= text.size()) return false;
    char32_t point = more == 0 ? lead : lead & (0x3Fu >> more);
    for (int k = 1; k <= more; ++k) {
      const auto next = static_cast<unsigned char>(text[i + static_cast<std::size_t>(k)]);
      if ((next >> 6) != 2) return false;
      point = (point << 6) | (next & 0x3Fu);
    }
    constexpr char32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
    if (point < kLeast[more] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return false;
    i += static_cast<std::size_t>(more) + 1;
  }
  return true;
}

TEST(ValidUtf8Test, LeavesValidTextAlone) {
  for (const std::string_view text : {"", "plain", "Größe", "日本語", "\U0001F600", "a\"b\\c\nd\te",
                                      "\u0080\u07FF\u0800\uFFFF\U00010000\U0010FFFF\uD7FF\uE000"}) {
    EXPECT_EQ(ValidUtf8(text), text);
  }
}

TEST(ValidUtf8Test, NamesEachBadByte) {
  EXPECT_EQ(ValidUtf8("a\xFFz"), "a\uFFFDxffz");
  EXPECT_EQ(ValidUtf8("\xE9t\xE9"), "\uFFFDxe9t\uFFFDxe9");                          // Latin-1
  EXPECT_EQ(ValidUtf8("\xC3"), "\uFFFDxc3");                                         // cut short
  EXPECT_EQ(ValidUtf8("\xE2\x82"), "\uFFFDxe2\uFFFDx82");                            // cut short
  EXPECT_EQ(ValidUtf8("\xC0\xAF"), "\uFFFDxc0\uFFFDxaf");                            // overlong '/'
  EXPECT_EQ(ValidUtf8("\xE0\x80\xAF"), "\uFFFDxe0\uFFFDx80\uFFFDxaf");               // overlong
  EXPECT_EQ(ValidUtf8("\xED\xA0\x80"), "\uFFFDxed\uFFFDxa0\uFFFDx80");               // a surrogate
  EXPECT_EQ(ValidUtf8("\xF4\x90\x80\x80"), "\uFFFDxf4\uFFFDx90\uFFFDx80\uFFFDx80");  // past U+10FFFF
}

// A name that spells what another name's bad byte becomes must not fall together with it.
TEST(ValidUtf8Test, DoublesTheReplacementCharacter) {
  EXPECT_EQ(ValidUtf8("\uFFFDxff"), "\uFFFD\uFFFDxff");
  EXPECT_NE(ValidUtf8("\uFFFDxff"), ValidUtf8("\xFF"));
  EXPECT_NE(ValidUtf8("\uFFFD"), ValidUtf8("\uFFFD\uFFFD"));
  EXPECT_NE(ValidUtf8("\uFFFD\xFF"), ValidUtf8("\xFF\uFFFD"));
}

TEST(ValidUtf8Test, IsValidAndInjectiveOnHostileBytes) {
  std::minstd_rand random(7);
  const std::string_view pieces[] = {"\xEF", "\xBF", "\xBD", "\uFFFD", "x", "f", "e", "\xFF", "\xFE", "\xC2", "\x80"};
  std::map<std::string, std::string> seen;
  for (int i = 0; i < 30'000; ++i) {
    std::string text;
    for (std::size_t length = random() % 7; length > 0; --length) text += pieces[random() % std::size(pieces)];
    const std::string valid = ValidUtf8(text);
    ASSERT_TRUE(IsUtf8(valid)) << testing::PrintToString(text);
    const auto [other, fresh] = seen.emplace(valid, text);
    ASSERT_TRUE(fresh || other->second == text) << valid;
  }
}

TEST(BoundedTest, LeavesTextThatFits) {
  EXPECT_EQ(Bounded("", 32), "");
  EXPECT_EQ(Bounded(std::string(32, 'a'), 32), std::string(32, 'a'));
}

TEST(BoundedTest, CutsWithAHashOfTheWhole) {
  const std::string common(100, 'a');
  const std::string one = Bounded(common + "1", 64);
  const std::string two = Bounded(common + "2", 64);
  EXPECT_EQ(one.size(), 64u);
  EXPECT_EQ(one.substr(0, 44), std::string(44, 'a'));
  EXPECT_EQ(one.substr(44, 4), "\u2026#");
  EXPECT_NE(one, two);
  EXPECT_NE(Bounded(std::string(100, 'a'), 64), Bounded(std::string(101, 'a'), 64));
  EXPECT_EQ(one, Bounded(common + "1", 64));
}

// The same text must be the same label after an upgrade, so the hash is part of the contract.
TEST(BoundedTest, HashIsFnv1aOfTheWholeText) {
  EXPECT_TRUE(Bounded(std::string(33, 'a'), 32).ends_with("#c0c1caa84f11146c"));
}

TEST(BoundedTest, CutsBetweenCharacters) {
  for (std::size_t pad = 0; pad < 4; ++pad) {
    std::string text(pad, 'a');
    for (int i = 0; i < 40; ++i) text += "\U0001F600";
    for (std::size_t limit = 32; limit < 80; ++limit) {
      const std::string cut = Bounded(text, limit);
      EXPECT_LE(cut.size(), limit);
      EXPECT_TRUE(IsUtf8(cut)) << limit;
    }
  }
}

TEST(LowerTest, ChangesAsciiLettersAlone) { EXPECT_EQ(Lower("AZaz09_[\xC3\x84"), "azaz09_[\xC3\x84"); }

TEST(SplitListTest, KeepsEmptyEntries) {
  using Entries = std::vector<std::string_view>;
  EXPECT_EQ(SplitList("a,b", ','), (Entries{"a", "b"}));
  EXPECT_EQ(SplitList(",a,,", ','), (Entries{"", "a", "", ""}));
  EXPECT_EQ(SplitList("", ','), (Entries{""}));
  EXPECT_EQ(SplitList("a,b", ':'), (Entries{"a,b"}));
}

TEST(PrintableTest, ShowsControlCharacters) {
  EXPECT_EQ(Printable("a\nb\r\tc\x1b[31m\x7f"), "a\\x0ab\\x0d\\x09c\\x1b[31m\\x7f");
  EXPECT_EQ(Printable(std::string_view("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(Printable("\u009B31m"), "\\x9b31m");  // CSI as one character
  EXPECT_EQ(Printable("\u0080\u009F\u00A0\u00FF"), "\\x80\\x9f\u00A0\u00FF");
  EXPECT_EQ(Printable("Größe"), "Größe");
}

TEST(PrintableTest, IsValidBoundedAndOfOneLine) {
  std::minstd_rand random(11);
  for (int i = 0; i < 5'000; ++i) {
    std::string text;
    for (std::size_t length = random() % 80; length > 0; --length) text += static_cast<char>(random());
    const std::string printable = Printable(text, 100);
    ASSERT_TRUE(IsUtf8(printable));
    ASSERT_LE(printable.size(), 100u);
    for (const char c : printable) ASSERT_GE(static_cast<unsigned char>(c), 0x20);
  }
}

}  // namespace
}  // namespace pgtls
