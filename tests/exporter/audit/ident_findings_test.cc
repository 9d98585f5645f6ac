// Whom the maps of pg_ident.conf admit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/exporter/audit/snapshot.h"

namespace pgtls::audit {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

hba::IdentLine Line(std::string system_user, std::string role, bool any_user = false, bool any_domain = false) {
  return {.file = "/data/pg_ident.conf",
          .line = 7,
          .map = "os",
          .system_user = std::move(system_user),
          .role = std::move(role),
          .any_user = any_user,
          .any_domain = any_domain};
}

SnapshotBuilder With(std::vector<hba::IdentLine> lines,
                     const std::vector<std::string>& rules = {"local all all peer map=os"},
                     std::vector<hba::RuleError> errors = {}) {
  hba::Posture posture = Posture(
      rules, hba::Catalog({"postgres", "app"}, {}, {}, hba::PrivilegedRoles{{{"postgres", true, true, {}}}, 1}));
  posture.maps = hba::IdentMaps{160000, std::move(lines), std::move(errors), true};
  return SnapshotBuilder().Publish(posture);
}

TEST(CheckIdentMaps, AnyUserAsAnotherRole) {
  const Finding finding = With({Line("/^(.*)$", "postgres", true), Line("bob", "app")}).Of("ident_map_any_user");
  EXPECT_EQ(finding.severity, Severity::kCritical);
  EXPECT_THAT(finding.evidence, ElementsAre("/data/pg_ident.conf:7: os /^(.*)$ postgres", "  admits as a superuser",
                                            "  used by /data/pg_hba.conf:1: local all all peer"));
  EXPECT_THAT(With({Line("/^(.*)$", "app", true)}).Ids(), Contains("warning ident_map_any_user"));
  EXPECT_THAT(With({Line("/^(.*)@.*$", "\\1", true, true)}).Ids(), Contains("critical ident_map_any_user"));
  EXPECT_THAT(With({Line("/^(.*)$", "all", true)}).Ids(), Contains("critical ident_map_any_user"));
}

TEST(CheckIdentMaps, WhatIsRestrictedIsFine) {
  EXPECT_THAT(
      With({Line("/^(.*)$", "\\1", true), Line("root", "postgres"), Line("/^a", "app"), Line("x", "+app")}).Ids(),
      Not(Contains(HasSubstr("ident"))));
}

TEST(CheckIdentMaps, SuperusersThatAreNotNamed) {
  EXPECT_THAT(With({Line("bob", "all")}).Ids(),
              AllOf(Contains("note ident_map_superuser"), Not(Contains(HasSubstr("any_user")))));
}

TEST(CheckIdentMaps, OnlyThoseThatARuleNames) {
  for (const char* rule : {"local all all peer", "local all all peer map=other", "local all all reject map=os"}) {
    EXPECT_THAT(With({Line("/^(.*)$", "postgres", true)}, {rule}).Ids(), Not(Contains(HasSubstr("any_user")))) << rule;
  }
  EXPECT_THAT(
      With({Line("/^(.*)$", "postgres", true)}, {"local all all scram-sha-256", "local all all peer map=os"}).Ids(),
      Not(Contains(HasSubstr("any_user"))))
      << "no connection reaches the rule";
}

TEST(CheckIdentMaps, AMapThatDoesNotExist) {
  const std::vector<std::string> rules = {"local all all peer map=other", "hostssl all all all cert map=os"};
  const Finding finding = With({Line("bob", "app")}, rules).Of("ident_map_missing");
  EXPECT_EQ(finding.severity, Severity::kWarning);
  EXPECT_THAT(finding.evidence, ElementsAre("map other", "  used by /data/pg_hba.conf:1: local all all peer"));
}

TEST(CheckIdentMaps, AFileThatIsRefused) {
  const std::vector<hba::RuleError> errors = {{"/data/pg_ident.conf", 3, "missing entry at end of line"}};
  EXPECT_THAT(With({}, {"local all all peer map=os"}, errors).Ids(),
              AllOf(Contains("warning ident_errors"), Not(Contains(HasSubstr("ident_map_missing")))));
  EXPECT_THAT(With({}, {"local all all peer"}, errors).Ids(), Not(Contains(HasSubstr("ident"))));
}

}  // namespace
}  // namespace pgtls::audit
