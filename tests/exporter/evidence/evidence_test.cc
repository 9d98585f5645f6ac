#include "exporter/evidence/evidence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/exporter/evidence/samples.h"

namespace pgtls::evidence {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

// The verdict is proven if and only if nothing stands against it.
Verdict JudgeAndExplain(const ServerEvidence& server) {
  const Verdict verdict = Judge(server);
  EXPECT_EQ(verdict == Verdict::kProven, Grounds(server).empty()) << testing::PrintToString(Grounds(server));
  return verdict;
}

ServerEvidence WithGap() {
  ServerEvidence server = Proven();
  server.observed = {Range(0, 600), Range(900, kPeriod)};
  server.exporters[0].observed = server.observed;
  server.gaps = {{Range(600, 900), {{"no_samples", {}, "", ""}}}};
  return server;
}

ServerEvidence WithMissed() {
  ServerEvidence server = Proven();
  server.exporters[0].missed = 3;
  return server;
}

// Watched by the log collector too.
ServerEvidence WithLog() {
  ServerEvidence server = WithMissed();
  server.exporters[0].follows_log = true;
  server.exporters[0].logged = 40;
  return server;
}

TEST(Judge, ProvenIsObservedAndComplete) { EXPECT_EQ(JudgeAndExplain(Proven()), Verdict::kProven); }

TEST(Judge, AGapIsNoProof) { EXPECT_EQ(JudgeAndExplain(WithGap()), Verdict::kNotProven); }

TEST(Judge, NothingObservedIsNoProof) {
  ServerEvidence server = Proven();
  server.observed.clear();
  EXPECT_EQ(Judge(server), Verdict::kNotProven);
}

TEST(Judge, AServerThatIsNotKnownIsNoProof) {
  const ServerEvidence server{.server = "nonesuch", .period = Range(0, kPeriod), .gaps = {{Range(0, kPeriod), {}}}};
  EXPECT_EQ(JudgeAndExplain(server), Verdict::kNotProven);
  EXPECT_THAT(Grounds(server), Contains(HasSubstr("no samples of this server")));
}

TEST(Judge, SessionsInNoSampleAreNoProof) {
  EXPECT_EQ(JudgeAndExplain(WithMissed()), Verdict::kNotProven);
  EXPECT_THAT(Grounds(WithMissed()), Contains("pg_tls/mon1:9743: 3 of 40 sessions were in no sample: whether they were "
                                              "encrypted is not known."));
}

TEST(Judge, ACountThatLostSessionsIsNoProof) {
  ServerEvidence server = Proven();
  server.exporters[0].losses = 2;
  EXPECT_EQ(JudgeAndExplain(server), Verdict::kNotProven);
  EXPECT_THAT(Grounds(server), ElementsAre(HasSubstr("the server's own count may have lost sessions 2 times:")));
  server.exporters[0].follows_log = true;
  server.exporters[0].logged = 40;
  EXPECT_EQ(JudgeAndExplain(server), Verdict::kProven);
  server.exporters[0].losses = 1;
  server.exporters[0].logged = 30;
  EXPECT_EQ(JudgeAndExplain(server), Verdict::kNotProven);
  EXPECT_THAT(Grounds(server), ElementsAre(HasSubstr("the server's own count may have lost sessions once:"),
                                           HasSubstr("the log has 30")));
}

TEST(IsLogged, OnlyWhereTheLogHasEverySessionOfAllTheTime) {
  EXPECT_FALSE(IsLogged(Proven()));
  EXPECT_TRUE(IsLogged(WithLog()));
  ServerEvidence server = WithLog();
  server.exporters[0].logged = 3;
  EXPECT_FALSE(IsLogged(server));
  server = WithLog();
  server.exporters.push_back(Proven().exporters[0]);
  server.exporters[0].observed = {Range(0, 600)};
  EXPECT_FALSE(IsLogged(server));
}

TEST(Judge, WithoutTheServersCountNothingIsKnownBetweenSamples) {
  ServerEvidence server = Proven();
  server.exporters[0].established.reset();
  EXPECT_EQ(JudgeAndExplain(server), Verdict::kNotProven);
  server.exporters[0].follows_log = true;
  server.exporters[0].logged = 40;
  EXPECT_EQ(JudgeAndExplain(server), Verdict::kProven);
  server.exporters[0].logged = 0;
  EXPECT_EQ(JudgeAndExplain(server), Verdict::kNotProven);
  server.exporters[0].seen.clear();
  EXPECT_EQ(JudgeAndExplain(server), Verdict::kProven);
}

TEST(Judge, TheLogHasWhatNoSampleHas) {
  EXPECT_EQ(JudgeAndExplain(WithLog()), Verdict::kProven);
  ServerEvidence server = WithLog();
  server.exporters[0].follows_log = false;
  EXPECT_EQ(JudgeAndExplain(server), Verdict::kNotProven);
  server = WithLog();
  server.exporters[0].logged = 39;  // another server's log
  EXPECT_EQ(JudgeAndExplain(server), Verdict::kNotProven);
  // The statistics are late: as many as in one of 120 minutes may be missing.
  server.exporters[0].established = 1200;
  server.exporters[0].logged = 1190;
  EXPECT_EQ(JudgeAndExplain(server), Verdict::kProven);
  server.exporters[0].logged = 1189;
  EXPECT_EQ(JudgeAndExplain(server), Verdict::kNotProven);
  // In a short time, one in a hundred.
  for (const int length : {30, 60, 600}) {
    server.period = Range(0, length);
    server.observed = server.exporters[0].observed = {server.period};
    server.exporters[0].logged = 1188;
    EXPECT_EQ(JudgeAndExplain(server), Verdict::kProven) << length;
    server.exporters[0].logged = 1187;
    EXPECT_EQ(JudgeAndExplain(server), Verdict::kNotProven) << length;
  }
  server = WithLog();
  server.exporters[0].logged_unknown = 1;
  EXPECT_EQ(JudgeAndExplain(server), Verdict::kNotProven);
}

TEST(Judge, AnEncryptionThatIsNotKnownIsNoProof) {
  ServerEvidence server = Proven();
  server.exporters[0].seen[{"remote", "unknown"}] = 1;
  EXPECT_EQ(JudgeAndExplain(server), Verdict::kNotProven);
}

TEST(Judge, UnencryptedSessionsDecideWhateverElseIsMissing) {
  for (ServerEvidence server : {Proven(), WithGap(), WithMissed(), WithLog()}) {
    server.exporters[0].unencrypted[{"remote", "false"}] = 1;
    EXPECT_EQ(JudgeAndExplain(server), Verdict::kUnencrypted);
  }
  ServerEvidence server = Proven();
  server.exporters[0].logged_unencrypted[{"remote", "false"}] = 2;
  EXPECT_EQ(JudgeAndExplain(server), Verdict::kUnencrypted);
  // Prometheus does not have who it was.
  server = Proven();
  server.exporters[0].most_open = 1;
  EXPECT_EQ(JudgeAndExplain(server), Verdict::kUnencrypted);
  EXPECT_THAT(Grounds(server), ElementsAre(HasSubstr("1 connection from other hosts at a time, unencrypted")));
  // It was open before the period began: no counter has it.
  server = Proven();
  server.clients = {{.user = "bob", .address = "192.0.2.7", .network = "remote", .most = 1}};
  EXPECT_EQ(JudgeAndExplain(server), Verdict::kUnencrypted);
}

TEST(Judge, AllowedAndLoopbackOnesAreListed) {
  ServerEvidence server = Proven();
  server.exporters[0].unencrypted = {{{"remote", "true"}, 4}, {{"loopback", "false"}, 5}};
  server.exporters[0].logged_unencrypted = {{{"remote", "true"}, 4}, {{"loopback", "false"}, 5}};
  server.clients = {
      {.user = "erp", .network = "remote", .allowed = true, .most = 1},
      {.user = "app", .network = "loopback", .most = 1},
      {.logged = true, .user = "bob", .network = "remote", .most = 1}};  // before the period: counted nowhere
  EXPECT_EQ(JudgeAndExplain(server), Verdict::kProven);
}

ExporterEvidence Second() {
  ExporterEvidence second = Proven().exporters[0];
  second.exporter.instance = "mon2:9743";
  return second;
}

TEST(Judge, OneOfTwoExportersIsEnoughIfItAlwaysWatched) {
  ServerEvidence server = Proven();
  server.exporters.push_back(Second());
  server.exporters[1].missed = 7;
  EXPECT_EQ(JudgeAndExplain(server), Verdict::kProven);
  server.exporters[0].missed = 1;
  EXPECT_EQ(JudgeAndExplain(server), Verdict::kNotProven);
}

TEST(Judge, OfTwoExportersInTurnEachMustHaveMissedNothing) {
  ServerEvidence server = Proven();
  server.exporters.push_back(Second());
  server.exporters[0].observed = {Range(0, 4000)};
  server.exporters[1].observed = {Range(3000, kPeriod)};
  EXPECT_EQ(JudgeAndExplain(server), Verdict::kProven);
  server.exporters[1].missed = 1;
  EXPECT_EQ(JudgeAndExplain(server), Verdict::kNotProven);
  server.exporters[0].missed = 1;
  server.exporters[1].missed = 0;
  EXPECT_EQ(JudgeAndExplain(server), Verdict::kNotProven);
}

TEST(ExitCode, UnencryptedWinsOverGapsAndGapsOverProof) {
  const auto code = [](std::vector<ServerEvidence> servers) { return ExitCode({.servers = std::move(servers)}); };
  ServerEvidence bad = WithGap();
  bad.exporters[0].unencrypted[{"remote", "false"}] = 1;
  EXPECT_EQ(code({Proven(), Proven()}), 0);
  EXPECT_EQ(code({Proven(), WithGap()}), 3);
  EXPECT_EQ(code({WithGap(), Proven()}), 3);
  EXPECT_EQ(code({WithGap(), bad, Proven()}), 1);
}

}  // namespace
}  // namespace pgtls::evidence
