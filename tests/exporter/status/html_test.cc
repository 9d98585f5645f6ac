#include "exporter/status/html.h"

#include <gtest/gtest.h>

namespace pgtls::status {
namespace {

std::string Text(std::string_view text) { return Html().Text(text).Take(); }

TEST(HtmlTest, WhatHtmlReadsIsAnEntity) {
  EXPECT_EQ(Text("<script>alert(\"a\" & 'b')</script>"),
            "&lt;script&gt;alert(&quot;a&quot; &amp; &#39;b&#39;)&lt;/script&gt;");
  EXPECT_EQ(Text("&amp;"), "&amp;amp;");
}

TEST(HtmlTest, ControlBytesAreShown) {
  EXPECT_EQ(Text(std::string_view("a\0b\n\r\t\x1b\x7f", 8)), "a\\x00b\\x0a\\x0d\\x09\\x1b\\x7f");
  EXPECT_EQ(Text("\xC2\x9B"), "\\x9b") << "U+009B, a terminal's CSI";
}

TEST(HtmlTest, WhatCannotBeSeenIsShown) {
  EXPECT_EQ(Text("a\u202Egnp.exe"), "a\\u{202e}gnp.exe");
  EXPECT_EQ(Text("a\u2066b\u2069c\u200Bd\uFEFFe\u00ADf"), "a\\u{2066}b\\u{2069}c\\u{200b}d\\u{feff}e\\u{00ad}f");
  EXPECT_EQ(Text("\U000E0041"), "\\u{e0041}") << "tag characters";
  EXPECT_EQ(Text("\u2028"), "\\u{2028}");
}

TEST(HtmlTest, OtherScriptsStay) {
  EXPECT_EQ(Text("müller שלום 管理 🔒"), "müller שלום 管理 🔒");
  EXPECT_EQ(Html().Name("שלום").Take(), "<bdi>שלום</bdi>");
}

TEST(HtmlTest, BadBytesAreMadeValid) {
  EXPECT_EQ(Text("a\xFF<"), "a\uFFFDxff&lt;");
  EXPECT_EQ(Text("\xE2\x80"), "\uFFFDxe2\uFFFDx80") << "a sequence that lacks its end";
  EXPECT_EQ(Text("\xED\xA0\x80"), "\uFFFDxed\uFFFDxa0\uFFFDx80") << "a surrogate";
}

TEST(HtmlTest, LongTextIsCut) {
  const std::string cut = Text(std::string(100'000, '<'));
  EXPECT_LT(cut.size(), 300u * 4);
  EXPECT_TRUE(cut.starts_with("&lt;&lt;"));
  EXPECT_NE(cut, Text(std::string(100'001, '<'))) << "distinct in, distinct out";
}

TEST(HtmlTest, AQueryValueIsPercentEncoded) {
  EXPECT_EQ(Html().QueryValue("a b&c=\"<é\n").Take(), "a%20b%26c%3D%22%3C%C3%A9%0A");
  EXPECT_EQ(Html().QueryValue("db-1.example_x~").Take(), "db-1.example_x~");
}

TEST(HtmlTest, MarkupIsAConstant) {
  // Does not compile, and so no text of a server can be markup: std::string s; Html() << Markup(s.c_str());
  EXPECT_EQ((Html() << "<b>").Take(), "<b>");
}

}  // namespace
}  // namespace pgtls::status
