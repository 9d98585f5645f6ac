#include <gmock/gmock.h>

#include "exporter/serverlog/summary.h"
#include "tests/exporter/audit/snapshot.h"

namespace pgtls::audit {
namespace {

using serverlog::LoggedClients;
using serverlog::Summary;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

SnapshotBuilder With(Summary log, config::LoopbackSeverity loopback = config::LoopbackSeverity::kNote) {
  log.window = std::chrono::hours(1);
  log.followed = std::chrono::hours(2);
  SnapshotBuilder builder;
  builder.snapshot().loopback = loopback;
  builder.Publish(std::move(log));
  return builder;
}

LoggedClients Bob(Network network, bool allowed = false) {
  return {.database = "shop",
          .user = "bob",
          .client_addr = network == Network::kRemote ? "10.0.0.7" : "127.0.0.1",
          .application_name = "psql",
          .network = network,
          .allowed = allowed,
          .sessions = 3};
}

TEST(LogFindings, SessionsThatAreOverCount) {
  const SnapshotBuilder builder = With({.unencrypted = {Bob(Network::kRemote)}});
  EXPECT_THAT(builder.Ids(), Contains("critical logged_plaintext"));
  const Finding finding = builder.Of("logged_plaintext");
  EXPECT_THAT(finding.evidence, ElementsAre("user bob, database shop, from 10.0.0.7 (psql): 3 connections"));
  EXPECT_THAT(finding.title, HasSubstr("in the last hour"));
}

TEST(LogFindings, LoopbackIsAsBadAsThePolicySays) {
  EXPECT_THAT(With({.unencrypted = {Bob(Network::kLoopback)}}).Ids(), Contains("note logged_plaintext_loopback"));
  EXPECT_THAT(With({.unencrypted = {Bob(Network::kLoopback)}}, config::LoopbackSeverity::kCritical).Ids(),
              Contains("critical logged_plaintext_loopback"));
}

TEST(LogFindings, WhatThePolicyAllowsIsNone) {
  EXPECT_THAT(With({.unencrypted = {Bob(Network::kRemote, true)}}).Check(), IsEmpty());
}

TEST(LogFindings, ManyClientsAreCut) {
  Summary log;
  for (int i = 0; i < 30; ++i) {
    LoggedClients clients = Bob(Network::kRemote);
    clients.user = "user" + std::to_string(i);
    log.unencrypted.push_back(clients);
  }
  EXPECT_THAT(With(log).Of("logged_plaintext").evidence, SizeIs(21));
}

TEST(LogFindings, ContradictionsAndDoubts) {
  EXPECT_THAT(With({.contradictions = 2}).Of("log_contradicted").evidence,
              ElementsAre("2 sessions since the exporter follows the log"));
  EXPECT_THAT(With({.sessions = {{{Network::kRemote, std::nullopt}, 4}}}).Of("log_unknown").evidence,
              ElementsAre("4 sessions in the last hour"));
  EXPECT_THAT(
      With({.sessions = {{{Network::kLocal, std::nullopt}, 4}, {{Network::kRemote, Encryption::kTls}, 1}}}).Check(),
      IsEmpty());
  EXPECT_THAT(With({.rejected = 1}).Of("log_rejected").evidence,
              ElementsAre("1 attempt since the exporter follows the log"));
}

// What was not followed for an hour is not said to be of an hour.
TEST(LogFindings, APeriodIsNotLongerThanTheExporterFollows) {
  SnapshotBuilder builder;
  builder.Publish(Summary{
      .window = std::chrono::hours(1), .followed = std::chrono::minutes(7), .unencrypted = {Bob(Network::kRemote)}});
  EXPECT_THAT(builder.Of("logged_plaintext").title, HasSubstr("in the last 7 minutes"));
  builder.Publish(Summary{.window = std::chrono::hours(1), .unencrypted = {Bob(Network::kRemote)}});
  EXPECT_THAT(builder.Of("logged_plaintext").title, HasSubstr("in the last minute"));
}

}  // namespace
}  // namespace pgtls::audit
