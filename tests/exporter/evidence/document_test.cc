#include "exporter/evidence/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/evidence/words.h"
#include "tests/exporter/evidence/samples.h"
#include "tests/support/golden.h"
#include "tests/support/process.h"

namespace pgtls::evidence {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

// One server of each verdict, with names that would be markup.
Evidence Everything() {
  const std::string hostile = "<script>alert(1)</script>\n\"'&";
  ServerEvidence bad = Proven();
  bad.server = hostile;
  bad.observed = {Range(0, 600), Range(1800, kPeriod)};
  bad.gaps = {{Range(600, 1800),
               {{"exporter_down", {"pg_tls", "mon1:9743"}, "", ""},
                {"sessions_failed", {"pg_tls", "mon1:9743"}, "", "timeout"},
                {"sessions_incomplete", {"pg_tls", "mon2:9743"}, hostile, "error"},
                {"exporter_restarted", {"pg_tls", "mon2:9743"}, "", ""},
                {"statistics_reset", {"pg_tls", "mon2:9743"}, "", ""}}}};
  bad.exporters[0].unencrypted[{"remote", "false"}] = 2;
  bad.exporters[0].losses = 1;
  bad.exporters[0].logged = 41;
  bad.exporters[0].logged_unknown = 1;
  bad.exporters[0].logged_unencrypted = {{{"remote", "false"}, 2}};
  bad.exporters.push_back({.exporter = {"pg_tls", "mon2:9743"}});
  bad.clients = {{.database = "erp",
                  .user = hostile,
                  .address = "192.0.2.7",
                  .network = "remote",
                  .most = 2,
                  .seen = Range(0, 3600)},
                 {.user = "rep", .address = "::1", .network = "loopback", .most = 1, .seen = Range(0, 3600)},
                 {.logged = true,
                  .database = "erp",
                  .user = "old",
                  .address = "10.1.2.3",
                  .network = "remote",
                  .allowed = true,
                  .most = 4,
                  .seen = Range(3600, 7200)}};
  bad.exemptions = {{"legacy-erp", At(86'400 * 30)}};
  bad.in_force = {
      {.name = "legacy-erp",
       .end = At(86'400 * 30),
       .in_force = Range(0, kPeriod),
       .clients = {{"erp", "old", "10.1.2.3", 4, Range(3600, 7200)}, {"", "rep", "", 1, Range(0, 3600)}}},
      {.name = "endless", .in_force = Range(0, 3600)},
      {.name = hostile, .in_force = Range(0, 3600), .clients = {{hostile, hostile, hostile, 1, Range(0, 60)}}}};
  bad.certificates = {
      {"", "CN=db1", "CN=CA", "0a1b", "ab:cd", "RSA 2048", At(-86'400 * 30), At(86'400 * 60), Range(0, kPeriod)},
      {"a.example", "CN=" + hostile, "CN=CA", "0a1c", "ab:ce", "EC 256", std::nullopt, At(86'400), Range(0, kPeriod)}};
  ServerEvidence unknown{
      .server = "nonesuch", .period = Range(0, kPeriod), .gaps = {{Range(0, kPeriod), {{"no_samples", {}, "", ""}}}}};
  return {.made = At(kPeriod + 1),
          .source = "http://prometheus:9090",
          .period = Range(0, kPeriod),
          .servers = {Proven(), bad, unknown}};
}

support::ProcessResult Validate(const std::string& json) {
  return support::RunProcess({"python3", "-c", R"(
import json, jsonschema, sys
jsonschema.validate(json.load(sys.stdin), json.load(open("exporter/evidence/report.schema.json")))
)"},
                             {.input = json});
}

TEST(Document, Text) {
  EXPECT_TRUE(support::MatchesGolden("tests/exporter/evidence/testdata/report.txt", TextDocument(Everything())));
}

TEST(Document, Json) {
  const std::string json = JsonDocument(Everything());
  EXPECT_TRUE(support::MatchesGolden("tests/exporter/evidence/testdata/report.json", json));
  const auto result = Validate(json);
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

TEST(Document, TheSchemaRefusesAProofWithAGap) {
  std::string json = JsonDocument({.servers = {Everything().servers[2]}});
  EXPECT_EQ(Validate(json).exit_code, 0);
  const std::string word = "\"not_proven\"";
  json.replace(json.find(word), word.size(), "\"proven\"");
  EXPECT_NE(Validate(json).exit_code, 0);
}

TEST(Document, Html) {
  const std::string html = HtmlDocument(Everything());
  EXPECT_TRUE(support::MatchesGolden("tests/exporter/evidence/testdata/report.html", html));
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(HasSubstr("src=")));
  EXPECT_THAT(html, Not(HasSubstr("href=")));
}

TEST(Document, ALongListIsCutInTextOnly) {
  Evidence evidence{.servers = {Proven()}};
  for (int i = 0; i < 30; ++i)
    evidence.servers[0].gaps.push_back({Range(10 * i, 10 * i + 5), {{"no_samples", {}, "", ""}}});
  EXPECT_THAT(TextDocument(evidence), HasSubstr("… and 10 more lines"));
  EXPECT_THAT(HtmlDocument(evidence), HasSubstr("2025-11-28 00:04:55 UTC"));
}

TEST(Words, WhatIsNotKnownOfExemptionsIsARemark) {
  ServerEvidence server = Proven();
  const auto unknown = HasSubstr("Which exemptions were in force is not known");
  const auto short_ones = HasSubstr("shorter ones may be missing");
  server.clients = {{.logged = true, .allowed = true}, {.allowed = false}};
  EXPECT_THAT(Remarks(server), Not(Contains(unknown)));
  server.clients.push_back({.allowed = true});
  EXPECT_THAT(Remarks(server), AllOf(Contains(unknown), Not(Contains(short_ones))));
  server.in_force = {{.name = "e"}};
  EXPECT_THAT(Remarks(server), AllOf(Not(Contains(unknown)), Contains(short_ones)));
}

TEST(Words, LengthHasItsTwoLargestUnits) {
  EXPECT_EQ(LengthText(seconds(0)), "0 s");
  EXPECT_EQ(LengthText(Duration(1)), "1 s");
  EXPECT_EQ(LengthText(seconds(59)), "59 s");
  EXPECT_EQ(LengthText(minutes(20)), "20 min");
  EXPECT_EQ(LengthText(minutes(20) + seconds(5)), "20 min 5 s");
  EXPECT_EQ(LengthText(hours(28) + seconds(5)), "1 d 4 h");
  EXPECT_EQ(LengthText(hours(48) + minutes(1)), "2 d");
}

TEST(Words, AShareIsNeverRoundedUpToAll) {
  EXPECT_EQ(ShareText(hours(24 * 90) - Duration(1), hours(24 * 90)), "99.99 %");
  EXPECT_EQ(ShareText(hours(1), hours(1)), "100 %");
  EXPECT_EQ(ShareText(hours(0), hours(0)), "0 %");
  EXPECT_EQ(ShareText(hours(1), hours(8)), "12.50 %");
}

}  // namespace
}  // namespace pgtls::evidence
