#include "exporter/settings/boolean.h"

#include <gtest/gtest.h>

namespace pgtls::settings {
namespace {

TEST(ParseBoolTest, TakesUniqueBeginningsInAnyCase) {
  for (const char* text : {"on", "ON", "t", "tr", "true", "TRUE", "y", "yes", "Ye", "1"}) {
    EXPECT_EQ(ParseBool(text), true) << text;
  }
  for (const char* text : {"off", "of", "OFF", "f", "fal", "false", "n", "no", "0"}) {
    EXPECT_EQ(ParseBool(text), false) << text;
  }
  for (const char* text : {"", "o", "2", "truee", "yess", " on", "on ", "11"}) {
    EXPECT_EQ(ParseBool(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace pgtls::settings
