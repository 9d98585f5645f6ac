#include "exporter/hba/token.h"

#include <gmock/gmock.h>

namespace pgtls::hba {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Token Plain(std::string text) { return {std::move(text), false, false}; }
Token Quote(std::string text) { return {std::move(text), true, false}; }

TEST(Tokenize, SplitsAtBlanks) {
  EXPECT_THAT(Tokenize(" host\tall  all\r10.0.0.0/8 md5\r"),
              ElementsAre(ElementsAre(Plain("host")), ElementsAre(Plain("all")), ElementsAre(Plain("all")),
                          ElementsAre(Plain("10.0.0.0/8")), ElementsAre(Plain("md5"))));
}

TEST(Tokenize, HasNoFieldsInEmptyLinesAndComments) {
  EXPECT_THAT(Tokenize(""), IsEmpty());
  EXPECT_THAT(Tokenize(" \t\r"), IsEmpty());
  EXPECT_THAT(Tokenize("# host all all"), IsEmpty());
  EXPECT_THAT(Tokenize(" , ,# x"), IsEmpty());
}

TEST(Tokenize, EndsAtACommentAlsoWithinAToken) {
  EXPECT_THAT(Tokenize("local all#x y"), ElementsAre(ElementsAre(Plain("local")), ElementsAre(Plain("all"))));
  EXPECT_THAT(Tokenize("\"a#b\" c"), ElementsAre(ElementsAre(Quote("a#b")), ElementsAre(Plain("c"))));
}

TEST(Tokenize, GoesOnOverACommaThatStandsBehindItsToken) {
  EXPECT_THAT(Tokenize("a,b, c d"),
              ElementsAre(ElementsAre(Plain("a"), Plain("b"), Plain("c")), ElementsAre(Plain("d"))));
  EXPECT_THAT(Tokenize("a ,b"), ElementsAre(ElementsAre(Plain("a")), ElementsAre(Plain("b"))));
  EXPECT_THAT(Tokenize("a,,b"), ElementsAre(ElementsAre(Plain("a"), Plain("b"))));
  EXPECT_THAT(Tokenize("a, # b"), ElementsAre(ElementsAre(Plain("a"))));
}

TEST(Tokenize, TellsAQuotedWordFromAKeyword) {
  EXPECT_THAT(Tokenize("\"all\""), ElementsAre(ElementsAre(Quote("all"))));
  EXPECT_THAT(Tokenize("al\"l\""), ElementsAre(ElementsAre(Plain("all"))));
  EXPECT_THAT(Tokenize("\"a\"ll"), ElementsAre(ElementsAre(Quote("all"))));
  EXPECT_THAT(Tokenize("\"\""), ElementsAre(ElementsAre(Quote(""))));
  EXPECT_THAT(Tokenize("\"\"all"), ElementsAre(ElementsAre(Quote("all"))));
}

TEST(Tokenize, ReadsBlanksCommasAndDoubledQuotesInQuotes) {
  EXPECT_THAT(Tokenize("\"a b,c\""), ElementsAre(ElementsAre(Quote("a b,c"))));
  EXPECT_THAT(Tokenize("\"a\"\"b\""), ElementsAre(ElementsAre(Quote("a\"b"))));
  // The first quote of four is no text yet when the doubled one comes.
  EXPECT_THAT(Tokenize("\"\"\"\""), ElementsAre(ElementsAre(Quote("\""))));
}

TEST(Tokenize, TakesTheRestOfTheLineWhereAQuoteIsNotClosed) {
  EXPECT_THAT(Tokenize("x \"a b # c"), ElementsAre(ElementsAre(Plain("x")), ElementsAre(Quote("a b # c"))));
}

TEST(Tokenize, KnowsReferencesToFiles) {
  EXPECT_THAT(Tokenize("@f"), ElementsAre(ElementsAre(Token{"@f", false, true})));
  EXPECT_THAT(Tokenize("@\"f g\""), ElementsAre(ElementsAre(Token{"@f g", false, true})));
  EXPECT_THAT(Tokenize("\"@f\""), ElementsAre(ElementsAre(Quote("@f"))));
  EXPECT_THAT(Tokenize("@"), ElementsAre(ElementsAre(Plain("@"))));
}

TEST(Quoted, ReadsBackAsItWas) {
  for (const char* text : {"all", "a b", "", "a\"b", "a,b", "#", "@f", "\"", "a\rb"}) {
    const auto fields = Tokenize(Quoted(text));
    ASSERT_EQ(fields.size(), 1u) << text;
    ASSERT_EQ(fields[0].size(), 1u) << text;
    EXPECT_EQ(fields[0][0].text, text);
    EXPECT_FALSE(fields[0][0].is_file) << text;
  }
  EXPECT_EQ(Quoted("erp"), "erp");
}

}  // namespace
}  // namespace pgtls::hba
