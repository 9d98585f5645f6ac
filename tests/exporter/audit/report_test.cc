#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/exporter/audit/snapshot.h"
#include "tests/support/golden.h"
#include "tests/support/process.h"

namespace pgtls::audit {
namespace {

// A finding of each severity, with text that wants escaping.
std::vector<ServerReport> Reports() {
  return {
      {"db1",
       "18.4",
       true,
       {{Severity::kCritical, "ssl_off", "TLS is switched off", {"ssl = off"}, "Because.", "ALTER SYSTEM …"},
        {Severity::kWarning, "not_looked_at", "Could not look", {"\"a\" \\ \n \x1b \xff"}, "Unknown.", "GRANT x", true},
        {Severity::kNote, "hba_shadowed", "Rules", std::vector<std::string>(15, "line"), "Why.", "Do."},
        {Severity::kFine, "key", "The key", {}, "", ""}}},
      {"db2", "", false, {}}};
}

// python3-jsonschema, beside the repository's schema.
support::ProcessResult Validate(const std::string& json) {
  return support::RunProcess({"python3", "-c", R"(
import json, jsonschema, sys
jsonschema.validate(json.load(sys.stdin), json.load(open("exporter/audit/check.schema.json")))
)"},
                             {.input = json});
}

TEST(TextReport, IsReadInAMinute) {
  EXPECT_TRUE(support::MatchesGolden("tests/exporter/audit/testdata/report.txt", TextReport(Reports())));
}

TEST(JsonReport, IsStable) {
  EXPECT_TRUE(support::MatchesGolden("tests/exporter/audit/testdata/report.json", JsonReport(Reports())));
}

TEST(JsonReport, FollowsItsSchema) {
  for (const auto& reports : {Reports(), std::vector<ServerReport>{}}) {
    const auto result = Validate(JsonReport(reports));
    EXPECT_EQ(result.exit_code, 0) << result.err;
  }
  std::vector<ServerReport> wrong = Reports();
  wrong[0].findings[0].id = "no_such_id";
  EXPECT_NE(Validate(JsonReport(wrong)).exit_code, 0);
}

}  // namespace
}  // namespace pgtls::audit
