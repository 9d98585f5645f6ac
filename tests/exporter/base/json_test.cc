#include "exporter/base/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace pgtls {
namespace {

using Json = nlohmann::ordered_json;

TEST(JsonTextTest, KeepsTheOrderOfKeys) {
  EXPECT_EQ(JsonText({{"b", 1}, {"a", Json::array({true, "x"})}}), R"({"b":1,"a":[true,"x"]})");
  EXPECT_EQ(JsonText({{"b", 1}}, 2), "{\n  \"b\": 1\n}");
}

TEST(JsonTextTest, AnyBytesAreValidJson) {
  EXPECT_EQ(JsonText("a\"b\\c/d\n\x1f\x7f"), "\"a\\\"b\\\\c/d\\n\\u001f\x7f\"");
  EXPECT_EQ(JsonText("Größe\xff<"), "\"Größe\uFFFD<\"");
  for (int byte = 0; byte < 256; ++byte) {
    const std::string hostile = {'<', static_cast<char>(byte), '>'};
    const std::string text = JsonText({{hostile, hostile}});
    EXPECT_TRUE(Json::accept(text)) << byte << ": " << text;
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace pgtls
