// Records of csvlog and jsonlog that are none, or not of a connection.
#include <gtest/gtest.h>

#include <string>

#include "exporter/serverlog/csv_format.h"
#include "exporter/serverlog/json_format.h"
#include "exporter/serverlog/message.h"

namespace pgtls::serverlog {
namespace {

TEST(ParseJson, HasTheFields) {
  const auto record = ParseJson(
      R"({"timestamp":"2026-11-27 20:53:32.074 UTC","user":"bob","dbname":"shop","pid":26602,"remote_host":"127.0.0.1",)"
      R"("remote_port":56148,"session_id":"6b09edcc.67ea","ps":"authentication","error_severity":"LOG","message":"m",)"
      R"("detail":"d","hint":"h","backend_type":"client backend"})"
      "\n");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->time, ParseLogTime("2026-11-27 20:53:32.074 UTC"));
  EXPECT_EQ(record->user, "bob");
  EXPECT_EQ(record->database, "shop");
  EXPECT_EQ(record->pid, 26602);
  EXPECT_EQ(record->session_start_s, 0x6b09edcc);
  EXPECT_EQ(record->host, "127.0.0.1");
  EXPECT_EQ(record->port, 56148);
  EXPECT_EQ(record->command_tag, "authentication");
  EXPECT_EQ(record->severity, "LOG");
  EXPECT_EQ(record->message, "m");
  EXPECT_EQ(record->detail, "d");
  EXPECT_TRUE(record->has_hint);
  EXPECT_FALSE(record->has_context);
  EXPECT_FALSE(record->doubtful);
}

TEST(ParseJson, AnyTextOfAQueryIsContext) {
  for (const char* key : {"context", "statement", "internal_query"}) {
    const auto record =
        ParseJson(R"({"timestamp":"2026-11-27 20:53:32.074 UTC","error_severity":"LOG","message":"x",")" +
                  std::string(key) + R"(":""})");
    ASSERT_TRUE(record);
    EXPECT_TRUE(record->has_context) << key;
  }
}

TEST(ParseJson, RefusesOtherText) {
  const std::string time = R"({"timestamp":"2026-11-27 20:53:32.074 UTC")";
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("[]"), std::string("null"), std::string("{}"), time, time + ",}",
        std::string(R"({"timestamp":"yesterday"})"), std::string(R"({"timestamp":1})"), std::string(100'000, '['),
        std::string(R"({"timestamp":["2026-11-27 20:53:32.074 UTC"]})")}) {
    EXPECT_FALSE(ParseJson(text)) << text.substr(0, 100);
  }
}

TEST(ParseJson, ValuesOfOtherTypesAreAbsent) {
  const auto record = ParseJson(
      R"({"timestamp":"2026-11-27 20:53:32.074 UTC","user":1,"pid":"x","remote_port":1e3,"message":null,"session_id":{}})");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->user, "");
  EXPECT_EQ(record->pid, 0);
  EXPECT_EQ(record->port, std::nullopt);
  EXPECT_EQ(record->message, "");
}

// What the SQL function returns of the last record of a piece.
TEST(Stubs, HaveATimeOnly) {
  const auto json = ParseJson(R"({"timestamp":"2026-11-27 20:53:32.074 UTC"})");
  ASSERT_TRUE(json);
  EXPECT_TRUE(json->time);
  EXPECT_TRUE(std::holds_alternative<std::monostate>(ParseMessage(*json)));
  const auto csv = ParseCsv("2026-11-27 20:53:32.074 UTC,,,,,,,,,,,,,,,,,,,,,,,,,\n");
  ASSERT_TRUE(csv);
  EXPECT_TRUE(csv->time);
  EXPECT_TRUE(std::holds_alternative<std::monostate>(ParseMessage(*csv)));
}

std::string CsvWith(const std::string& hint, const std::string& internal_query, const std::string& context,
                    const std::string& query) {
  return R"(2026-11-27 20:53:32.074 UTC,"b""o,b","sh)"
         "\n"
         R"(op",26602,"127.0.0.1:56148",6b09edcc.67ea,3,"authentication",2026-11-27 20:53:32 UTC,2/1,0,LOG,00000,"m","d",)" +
         hint + "," + internal_query + ",," + context + "," + query + ",,,\"\",\"client backend\",,0\n";
}

TEST(ParseCsv, HasTheFields) {
  const auto record = ParseCsv(CsvWith("", "", "", ""));
  ASSERT_TRUE(record);
  EXPECT_EQ(record->time, ParseLogTime("2026-11-27 20:53:32.074 UTC"));
  EXPECT_EQ(record->user, "b\"o,b");
  EXPECT_EQ(record->database, "sh\nop");
  EXPECT_EQ(record->pid, 26602);
  EXPECT_EQ(record->session_start_s, 0x6b09edcc);
  EXPECT_EQ(record->host, "127.0.0.1");
  EXPECT_EQ(record->port, 56148);
  EXPECT_EQ(record->command_tag, "authentication");
  EXPECT_EQ(record->severity, "LOG");
  EXPECT_EQ(record->message, "m");
  EXPECT_EQ(record->detail, "d");
  EXPECT_FALSE(record->has_hint);
  EXPECT_FALSE(record->has_context);
}

TEST(ParseCsv, AnyTextOfAQueryIsContext) {
  EXPECT_TRUE(ParseCsv(CsvWith("", "select", "", ""))->has_context);
  EXPECT_TRUE(ParseCsv(CsvWith("", "", "x", ""))->has_context);
  EXPECT_TRUE(ParseCsv(CsvWith("", "", "", "select"))->has_context);
  EXPECT_TRUE(ParseCsv(CsvWith("x", "", "", ""))->has_hint);
}

TEST(ParseCsv, RefusesOtherText) {
  const std::string record = CsvWith("", "", "", "");
  EXPECT_FALSE(ParseCsv(""));
  EXPECT_FALSE(ParseCsv("\n"));
  EXPECT_FALSE(ParseCsv(record.substr(30)));
  EXPECT_FALSE(ParseCsv(record.substr(0, 100)));
  EXPECT_FALSE(ParseCsv("\"" + record));
  EXPECT_FALSE(ParseCsv("yesterday" + record.substr(27)));
}

}  // namespace
}  // namespace pgtls::serverlog
