#include "exporter/base/uri.h"

#include <gtest/gtest.h>

namespace pgtls {
namespace {

TEST(PercentEncoded, KeepsOnlyWhatIsUnreserved) {
  EXPECT_EQ(PercentEncoded("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(PercentEncoded("a b/ü"), "a%20b%2F%C3%BC");
}

TEST(PercentDecoded, IsTheInverse) {
  for (const char* text : {"", "plain", "a b/ü%", "%41", "100%"}) EXPECT_EQ(PercentDecoded(PercentEncoded(text)), text);
  EXPECT_EQ(PercentDecoded("%2fx%2F"), "/x/");
}

TEST(PercentDecoded, RefusesWhatIsNoByte) {
  for (const char* text : {"%", "a%4", "%4g", "%g4", "%-1", "%+1", "% 1", "%00"}) {
    EXPECT_FALSE(PercentDecoded(text)) << text;
  }
}

}  // namespace
}  // namespace pgtls
