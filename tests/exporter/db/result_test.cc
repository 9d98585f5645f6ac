#include "exporter/db/result.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "exporter/base/digest.h"
#include "exporter/base/error.h"

namespace pgtls::db {
namespace {

Result One(std::optional<std::string> value) { return Result::FromRows({"c"}, {{std::move(value)}}); }

void ExpectError(const std::function<void()>& read) {
  try {
    read();
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), FailureReason::kError);
  }
}

TEST(ResultTest, AnErrorNamesTheColumn) {
  const auto error = [](const std::function<void(const Result&)>& read,
                        std::optional<std::string> value) -> std::string {
    try {
      read(Result::FromRows({"other", "backend_start"}, {{"1", std::move(value)}}));
    } catch (const Error& caught) {
      return caught.what();
    }
    return "no error";
  };
  const auto text = [](const Result& rows) { rows.RequireText(0, 1); };
  const auto whole = [](const Result& rows) { rows.RequireInt(0, 1); };
  const auto real = [](const Result& rows) { rows.RequireDouble(0, 1); };
  const auto boolean = [](const Result& rows) { rows.RequireBool(0, 1); };
  for (const auto& read : std::vector<std::function<void(const Result&)>>{text, whole, real, boolean}) {
    EXPECT_EQ(error(read, std::nullopt), "the server sent NULL in column backend_start");
  }
  EXPECT_EQ(error(text, "x"), "no error");
  EXPECT_EQ(error(whole, "1"), "no error");
  EXPECT_EQ(error(whole, "x"), "the server sent 'x' in column backend_start where an integer was expected");
  EXPECT_EQ(error(real, "1x"), "the server sent '1x' in column backend_start where a number was expected");
  EXPECT_EQ(error(boolean, "true"), "the server sent 'true' in column backend_start where a boolean was expected");
}

TEST(ResultTest, TellsNullFromEveryValue) {
  const Result null = One(std::nullopt);
  EXPECT_EQ(null.Text(0, 0), std::nullopt);
  EXPECT_EQ(null.Int(0, 0), std::nullopt);
  EXPECT_EQ(null.Double(0, 0), std::nullopt);
  EXPECT_EQ(null.Bool(0, 0), std::nullopt);
  EXPECT_EQ(null.Bytes(0, 0), std::nullopt);
  EXPECT_EQ(One("").Text(0, 0), "");
  EXPECT_EQ(One("0").Int(0, 0), 0);
  EXPECT_EQ(One("f").Bool(0, 0), false);
  EXPECT_EQ(One("\\x").Bytes(0, 0), "");
}

TEST(ResultTest, ReadsEachType) {
  EXPECT_EQ(One("Größe").Text(0, 0), "Größe");
  EXPECT_EQ(One("-9223372036854775808").Int(0, 0), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(One("1786000000.123456").Double(0, 0), 1786000000.123456);
  EXPECT_EQ(One("Infinity").Double(0, 0), std::numeric_limits<double>::infinity());
  EXPECT_EQ(One("-Infinity").Double(0, 0), -std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(One("NaN").Double(0, 0).value()));
  EXPECT_EQ(One("t").Bool(0, 0), true);
  EXPECT_EQ(One("\\x00ff41").Bytes(0, 0), std::string("\0\xFF\x41", 3));
}

TEST(ResultTest, WhatIsNotOfTheTypeIsAnError) {
  for (const char* text : {"", "1.5", "1x", " 1", "9223372036854775808", "t"}) {
    ExpectError([&] { One(text).Int(0, 0); });
  }
  for (const char* text : {"", "x", "1.5 ", "1,5"}) ExpectError([&] { One(text).Double(0, 0); });
  for (const char* text : {"", "true", "T", "1"}) ExpectError([&] { One(text).Bool(0, 0); });
}

TEST(ResultTest, RowsAndColumns) {
  const Result result = Result::FromRows({"a", "b"}, {{"1", "2"}, {"3", std::nullopt}});
  EXPECT_EQ(result.rows(), 2);
  EXPECT_EQ(result.columns(), 2);
  EXPECT_EQ(result.Column("b"), 1);
  EXPECT_EQ(result.Text(1, 0), "3");
  EXPECT_EQ(result.Text(1, 1), std::nullopt);
  ExpectError([&] { result.Column("c"); });
  ExpectError([&] { result.Text(2, 0); });
  ExpectError([&] { result.Text(0, 2); });
  ExpectError([&] { result.Text(-1, 0); });
  ExpectError([&] { result.Text(0, -1); });
}

TEST(ResultTest, DifferentRowsHaveDifferentDigests) {
  using Rows = std::vector<std::vector<std::optional<std::string>>>;
  const auto digest = [](const Rows& rows, int without_column) {
    Digester digester;
    Result::FromRows({"a", "b"}, rows).DigestRows(digester, without_column);
    return digester.Finish();
  };
  // As long as a length: without the lengths these two would be one.
  const std::string gap(8, '\0');
  const std::vector<Rows> different = {{},
                                       {{"x" + gap + "y", ""}},
                                       {{"x", "y" + gap}},
                                       {{"a", "bc"}},
                                       {{"ab", "c"}},
                                       {{"abc", ""}},
                                       {{"abc", std::nullopt}},
                                       {{std::nullopt, "abc"}},
                                       {{"a", "bc"}, {"", ""}},
                                       {{"", ""}, {"a", "bc"}}};
  std::set<Digest> digests;
  for (const Rows& rows : different) {
    EXPECT_EQ(digest(rows, -1), digest(rows, -1));
    digests.insert(digest(rows, -1));
  }
  EXPECT_EQ(digests.size(), different.size());
  EXPECT_EQ(digest({{"a", "1"}}, 1), digest({{"a", "2"}}, 1));
  EXPECT_NE(digest({{"a", "1"}}, 1), digest({{"b", "1"}}, 1));
}

TEST(ResultTest, NoRows) {
  const Result result = Result::FromRows({"a"}, {});
  EXPECT_EQ(result.rows(), 0);
  EXPECT_EQ(result.Column("a"), 0);
  ExpectError([&] { result.Int(0, 0); });
}

}  // namespace
}  // namespace pgtls::db
