// Every reason for which something is not known has a remedy of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "tests/exporter/audit/snapshot.h"

namespace pgtls::audit {
namespace {

using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// What a remedy for a reason must name, whatever the part.
const std::map<std::string_view, const char*>& MustName() {
  static const std::map<std::string_view, const char*> words = {
      {"authentication", "login|password"},
      {"connection", "listen_addresses|no_login|server log|resolve"},
      {"error", "server log"},
      {"insufficient_privilege", "GRANT |monitoring_role\\.sql"},
      {"missing", "does not exist"},
      {"no_answer", "server log"},
      {"permission_denied", "OS user"},
      {"reload_pending", "pg_reload_conf"},
      {"timeout", "collectors\\..*\\.timeout"},
      {"tls", "sslmode|s_client|no_login"},
      {"too_large", "pg_hba\\.conf"},
      {"too_many", "--no-collector"},
      {"too_many_certificates", "split"},
      {"unreadable", "`ls|openssl"},
  };
  return words;
}

Finding FindingFor(const sampling::CollectorType& type, const sampling::IncompletePart& missing) {
  SnapshotBuilder builder;
  builder.Change(std::string(type.name), [&](auto& result) { result.incomplete = {missing}; });
  const Findings findings = builder.Check();
  EXPECT_EQ(findings.size(), 1U);
  return findings.at(0);
}

TEST(Remedies, EveryReasonOfEveryPartHasItsOwn) {
  for (const sampling::CollectorType* type : collectors::All()) {
    std::set<std::string_view> parts;
    for (const sampling::DeclaredPart& part : type->parts) {
      SCOPED_TRACE(std::string(type->name) + " " + std::string(part.name));
      EXPECT_TRUE(parts.insert(part.name).second) << "declared twice";
      EXPECT_FALSE(part.what.empty());
      EXPECT_FALSE(part.remedies.empty());
      std::set<std::string_view> reasons, texts;
      for (const sampling::Remedy& remedy : part.remedies) {
        SCOPED_TRACE(remedy.reason);
        EXPECT_TRUE(reasons.insert(remedy.reason).second) << "declared twice";
        EXPECT_TRUE(texts.insert(remedy.text).second) << "the text of another reason";
        const Finding finding = FindingFor(*type, {std::string(part.name), std::string(remedy.reason)});
        EXPECT_THAT(finding.title, HasSubstr(std::string(part.what.substr(1)) + " could not be checked"));
        EXPECT_EQ(finding.remedy, remedy.text);
        EXPECT_NE(finding.remedy, kNoRemedy);
        ASSERT_TRUE(MustName().contains(remedy.reason)) << "add to MustName() what a remedy for this reason names";
        EXPECT_THAT(finding.remedy, ContainsRegex(MustName().at(remedy.reason)));
      }
    }
  }
}

TEST(Remedies, EveryFailureOfEveryCollectorHasItsOwn) {
  for (const sampling::CollectorType* type : collectors::All()) {
    std::set<std::string> texts;
    for (int i = 0; i <= static_cast<int>(FailureReason::kError); ++i) {
      const auto reason = static_cast<FailureReason>(i);
      SCOPED_TRACE(std::string(type->name) + " " + std::string(ToString(reason)));
      SnapshotBuilder builder;
      builder.Change(std::string(type->name), [&](auto& result) { result.failure = {reason, "what happened"}; });
      const Findings findings = builder.Check();
      ASSERT_EQ(findings.size(), 1U);
      EXPECT_EQ(findings[0].id, "collector_failed");
      EXPECT_THAT(findings[0].evidence, ElementsAre(std::string(ToString(reason)) + ": what happened"));
      EXPECT_TRUE(texts.insert(findings[0].remedy).second) << "the text of another reason";
      EXPECT_THAT(findings[0].remedy, ContainsRegex(MustName().at(ToString(reason))));
    }
  }
}

TEST(Remedies, WhatIsNotDeclaredIsShownAllTheSame) {
  for (const sampling::IncompletePart& missing :
       {sampling::IncompletePart{"nothing", "timeout"}, sampling::IncompletePart{"raw_text", "nothing"}}) {
    const Finding finding = FindingFor(*collectors::All()[2], missing);
    EXPECT_EQ(finding.remedy, kNoRemedy);
    EXPECT_THAT(finding.evidence.at(0), HasSubstr(missing.part + ": " + missing.reason));
  }
}

TEST(Remedies, EvidenceNamesWhatThePartIsAbout) {
  const Finding finding = FindingFor(*collectors::All()[3], {"files", "permission_denied", "/data/crl\n"});
  EXPECT_THAT(finding.evidence, ElementsAre("collector certificates, part files: permission_denied", "/data/crl\\x0a"));
}

// The collectors' own sources, so that a part for which no test exists is found as well.
TEST(Remedies, WhatTheSourcesReportIsDeclared) {
  std::set<std::string> declared;
  for (const sampling::CollectorType* type : collectors::All()) {
    for (const sampling::DeclaredPart& part : type->parts) {
      declared.insert(std::string(part.name));
      for (const auto& remedy : part.remedies)
        declared.insert(std::string(part.name) + " " + std::string(remedy.reason));
    }
  }
  const std::regex report(
      R"re((?:incomplete\.(?:push|emplace)_back\(\{?|parts\.push_back\(\{|Deny\(|Miss\(|add\()"(\w+)"(?:,\s*"(\w+)")?)re");
  int reports = 0;
  for (const auto& file : std::filesystem::directory_iterator("collectors")) {
    if (file.path().extension() != ".cc") continue;
    std::stringstream text;
    text << std::ifstream(file.path()).rdbuf();
    const std::string source = text.str();
    for (auto match = std::sregex_iterator(source.begin(), source.end(), report); match != std::sregex_iterator();
         ++match) {
      ++reports;
      const std::string part = (*match)[1];
      const std::string reason = (*match)[2];
      EXPECT_TRUE(declared.contains(reason.empty() ? part : part + " " + reason))
          << file.path() << ": " << part << " " << reason;
    }
  }
  EXPECT_GE(reports, 15) << "the expression fits the sources no longer";
}

}  // namespace
}  // namespace pgtls::audit
