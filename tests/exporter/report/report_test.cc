#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "exporter/report/report.h"
#include "tests/exporter/audit/snapshot.h"
#include "tests/support/golden.h"
#include "tests/support/process.h"

namespace pgtls::report {
namespace {

using audit::ServerReport;
using audit::Severity;

// A finding of each severity, with text that wants escaping.
std::vector<ServerReport> Reports() {
  return {
      {"db1",
       "PostgreSQL 18.4",
       "18.4",
       true,
       {{Severity::kCritical, "ssl_off", "TLS is off", {"ssl = off"}, "Because.", "ALTER SYSTEM …"},
        {Severity::kWarning, "not_looked_at", "Could not look", {"\"a\" \\ \n \x1b \xff"}, "Unknown.", "GRANT x", true},
        {Severity::kNote, "hba_shadowed", "Rules", std::vector<std::string>(15, "line"), "Why.", "Do."},
        {Severity::kFine, "key", "The key", {}, "", ""}}},
      {"db2", "", "", false, {}}};
}

// python3-jsonschema, beside the repository's schema.
support::ProcessResult Validate(const std::string& json) {
  return support::RunProcess({"python3", "-c", R"(
import json, jsonschema, sys
jsonschema.validate(json.load(sys.stdin), json.load(open("exporter/audit/check.schema.json")))
)"},
                             {.input = json});
}

// Of the same servers: a control of each verdict.
ProfileReport OfProfile() {
  const Profile& profile = ProfileOf("cis");
  const std::vector<Judged> judged = {
      {profile.controls.data(), Verdict::kPass, {"Connections are logged [log_connections]"}},
      {&profile.controls[3], Verdict::kFail, {"<b>trust</b> & \"more\""}},
      {&profile.controls[5], Verdict::kNotLookedAt, {"This program does not look at this: x."}},
      {&profile.controls[9], Verdict::kNotApplicable, {"No links."}}};
  return {&profile, {{"db1", "PostgreSQL 18.4", judged}, {"db2", "", {}}}};
}

TEST(TextReport, IsReadInAMinute) {
  EXPECT_TRUE(support::MatchesGolden("tests/exporter/report/testdata/report.txt", TextReport(Reports())));
}

TEST(JsonReport, IsStable) {
  EXPECT_TRUE(support::MatchesGolden("tests/exporter/report/testdata/report.json", JsonReport(Reports())));
}

TEST(TextReport, OfAProfile) {
  EXPECT_TRUE(support::MatchesGolden("tests/exporter/report/testdata/profile.txt", TextReport(OfProfile())));
}

TEST(HtmlReport, IsStable) {
  const ProfileReport profile = OfProfile();
  EXPECT_TRUE(support::MatchesGolden("tests/exporter/report/testdata/report.html",
                                     HtmlReport(Reports(), &profile, audit::kNow)));
}

// What a server sent is text, and nothing loads from anywhere.
TEST(HtmlReport, HasNoMarkupOfAServer) {
  const ProfileReport profile = OfProfile();
  const std::string html = HtmlReport(Reports(), &profile, audit::kNow);
  for (const char* never : {"<b>", "<script", "src=", "href=", "@import", "url(", "\x1b", "\xff"}) {
    EXPECT_EQ(html.find(never), std::string::npos) << never;
  }
  EXPECT_NE(html.find("&lt;b&gt;trust"), std::string::npos);
}

TEST(JsonReport, FollowsItsSchema) {
  const ProfileReport profile = OfProfile();
  const auto of_profile = Validate(JsonReport(Reports(), &profile));
  EXPECT_EQ(of_profile.exit_code, 0) << of_profile.err;
  for (const auto& reports : {Reports(), std::vector<ServerReport>{}}) {
    const auto result = Validate(JsonReport(reports));
    EXPECT_EQ(result.exit_code, 0) << result.err;
  }
  std::vector<ServerReport> wrong = Reports();
  wrong[0].findings[0].id = "no_such_id";
  EXPECT_NE(Validate(JsonReport(wrong)).exit_code, 0);
}

// The ids in the sources: a report with one that the schema does not list would be refused by those who check it.
TEST(JsonReport, TheSchemaListsEveryId) {
  const auto text = [](const std::filesystem::path& path) {
    std::stringstream content;
    content << std::ifstream(path).rdbuf();
    return content.str();
  };
  const std::string schema = text("exporter/audit/check.schema.json");
  const std::regex finding(R"re(push_back\(\s*\{[^"]{0,200}"(\w+)"(?:\s*:\s*"(\w+)")?)re");
  std::set<std::string> ids;
  for (const auto& file : std::filesystem::directory_iterator("exporter/audit")) {
    if (!file.path().string().ends_with("_findings.cc")) continue;
    const std::string source = text(file.path());
    for (auto match = std::sregex_iterator(source.begin(), source.end(), finding); match != std::sregex_iterator();
         ++match) {
      ids.insert((*match)[1]);
      if ((*match)[2].matched) ids.insert((*match)[2]);
    }
  }
  EXPECT_GE(ids.size(), 60U) << "the expression fits the sources no longer";
  for (const std::string& id : ids) EXPECT_NE(schema.find('"' + id + '"'), std::string::npos) << id;
}

}  // namespace
}  // namespace pgtls::report
