#include "exporter/evidence/series.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "exporter/base/error.h"

namespace pgtls::evidence {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string Refusal(const std::string& answer) {
  try {
    ReadAnswer(answer);
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

std::string Answer(const std::string& type, const std::string& result) {
  return R"({"status":"success","data":{"resultType":")" + type + R"(","result":[)" + result + "]}}";
}

TEST(Answer, OfAnInstantQuery) {
  const auto series =
      ReadAnswer(Answer("vector", R"({"metric":{"server":"orders"},"value":[1764300000.123,"1764299999.5"]})"));
  ASSERT_EQ(series.size(), 1u);
  EXPECT_EQ(series[0].label("server"), "orders");
  EXPECT_EQ(series[0].label("job"), "");
  ASSERT_EQ(series[0].points.size(), 1u);
  EXPECT_EQ(series[0].points[0].time.time_since_epoch().count(), 1764300000123);
  EXPECT_EQ(series[0].points[0].value, 1764299999.5);
}

TEST(Answer, OfARangeQuery) {
  const auto series = ReadAnswer(Answer("matrix", R"({"metric":{},"values":[[1,"1"],[2.5,"NaN"],[3,"1e9"]]})"));
  ASSERT_EQ(series.size(), 1u);
  ASSERT_EQ(series[0].points.size(), 3u);
  EXPECT_TRUE(std::isnan(series[0].points[1].value));
  EXPECT_EQ(series[0].points[2].value, 1e9);
  EXPECT_THAT(ReadAnswer(Answer("matrix", "")), IsEmpty());
}

TEST(Answer, ThatIsAnErrorHasPrometheusWords) {
  EXPECT_THAT(Refusal(R"({"status":"error","errorType":"execution","error":"query processing would\nload too many"})"),
              HasSubstr("execution: query processing would; load too many"));
}

// From a part of the data, what is missing looks like what did not happen.
TEST(Answer, WithAWarningIsRefused) {
  EXPECT_THAT(
      Refusal(
          R"({"status":"success","warnings":["store gateway timed out"],"data":{"resultType":"vector","result":[]}})"),
      HasSubstr("incomplete: store gateway timed out"));
  EXPECT_EQ(
      Refusal(
          R"({"status":"success","warnings":[],"infos":["not a counter"],"data":{"resultType":"vector","result":[]}})"),
      "accepted");
}

TEST(Answer, OfAPartOfAClusterIsRefused) {
  EXPECT_THAT(Refusal(R"({"status":"success","isPartial":true,"data":{"resultType":"vector","result":[]}})"),
              HasSubstr("incomplete: isPartial"));
  EXPECT_EQ(Refusal(R"({"status":"success","isPartial":false,"data":{"resultType":"vector","result":[]}})"),
            "accepted");
}

TEST(Answer, OfAnotherKindIsRefused) {
  for (const char* answer :
       {"", "<html>", "[]", "{}", R"({"status":"success"})", R"({"status":7,"data":{}})",
        R"({"status":"success","data":{"resultType":"scalar","result":[1,"2"]}})",
        R"({"status":"success","data":{"resultType":"vector","result":{}}})",
        R"({"status":"success","data":{"resultType":"vector","result":[7]}})",
        R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,2]}]}})",
        R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"x"]}]}})",
        R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[-1,"1"]}]}})",
        R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1e300,"1"]}]}})",
        R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":1},"value":[1,"1"]}]}})",
        R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[2,"1"],[1,"1"]]}]}})"}) {
    EXPECT_THAT(Refusal(answer), HasSubstr("not one of Prometheus' HTTP API")) << answer;
  }
}

TEST(Answer, TextIsBoundedAndPrintable) {
  const std::string name(5000, 'x');
  EXPECT_LE(
      ReadAnswer(Answer("vector", R"({"metric":{"user":")" + name + R"("},"value":[1,"1"]})"))[0].label("user").size(),
      2000u);
  EXPECT_THAT(Refusal(R"({"status":"error","errorType":"a","error":"\u001b[31m"})"), Not(HasSubstr("\x1b")));
}

TEST(Literal, IsOneString) {
  EXPECT_EQ(Literal("orders"), R"("orders")");
  EXPECT_EQ(Literal("a\"} or up{x=\"\\\n"), R"("a\"} or up{x=\"\\\n")");
}

}  // namespace
}  // namespace pgtls::evidence
