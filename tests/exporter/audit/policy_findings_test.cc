// What the audit says of policy.require.
#include <gmock/gmock.h>

#include "tests/exporter/audit/snapshot.h"

namespace pgtls::audit {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

sessions::Summary Required() {
  sessions::Summary summary;
  summary.required = true;
  return summary;
}

sessions::ViolatingGroup Group(bool allowed) {
  return {"shop", "app", {.range = Cidr::Parse("10.0.0.1")}, "version", allowed, 3};
}

TEST(CheckPolicy, WithoutRequirementsThereIsNothingToSay) {
  EXPECT_THAT(SnapshotBuilder().Publish(sessions::Summary()).Ids(), Not(Contains(HasSubstr("policy"))));
}

TEST(CheckPolicy, NamesWhoDoesNotMeetIt) {
  sessions::Summary summary = Required();
  EXPECT_THAT(SnapshotBuilder().Publish(summary).Ids(), Contains("fine policy_met"));
  summary.violating = {Group(false)};
  EXPECT_THAT(SnapshotBuilder().Publish(summary).Ids(), Not(Contains("fine policy_met")));
  const Finding finding = SnapshotBuilder().Publish(summary).Of("policy_violated");
  EXPECT_EQ(finding.severity, Severity::kWarning);
  EXPECT_THAT(finding.evidence, ElementsAre("version: user app, database shop, from 10.0.0.1: 3 connections"));
  EXPECT_THAT(finding.remedy, HasSubstr("ssl_min_protocol_version"));
  SnapshotBuilder pooler;
  pooler.snapshot().kind = settings::kPgBouncer;
  EXPECT_THAT(pooler.Publish(summary).Of("policy_violated").remedy, HasSubstr("client_tls_protocols"));
  summary.violating = {Group(true)};
  EXPECT_THAT(SnapshotBuilder().Publish(summary).Ids(), Contains("note policy_violated_allowed"));
}

TEST(CheckPolicy, WhatIsNotKnownIsNotMet) {
  sessions::Summary summary = Required();
  summary.violations_unknown = true;
  EXPECT_THAT(SnapshotBuilder().Publish(summary).Ids(), Not(Contains("fine policy_met")));
}

}  // namespace
}  // namespace pgtls::audit
