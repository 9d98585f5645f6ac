#include "exporter/hba/posture.h"

#include <gmock/gmock.h>

#include "tests/exporter/hba/hba_text.h"

namespace pgtls::hba {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

const std::vector<std::string> kOpen = {"host all all 10.0.0.0/8 md5"};
const std::vector<std::string> kStrict = {"hostssl all all 10.0.0.0/8 md5"};

Posture Make(const std::vector<std::string>& file, std::optional<bool> pending,
             const std::optional<std::vector<std::string>>& in_force) {
  Posture posture;
  posture.file = std::make_shared<const RuleSet>(Rules(file));
  posture.file_analysis = Analyse(*posture.file, posture.catalog, posture.regexes);
  posture.in_force.pending = pending;
  if (in_force) {
    posture.in_force.rules = std::make_shared<const RuleSet>(Rules(*in_force));
    posture.in_force_analysis = Analyse(*posture.in_force.rules, posture.catalog, posture.regexes);
  }
  return posture;
}

TEST(Posture, SaysNoOnlyOfRulesThatAreInForce) {
  EXPECT_EQ(Make(kStrict, false, kStrict).PlaintextAdmitted(Network::kRemote), false);
  EXPECT_EQ(Make(kOpen, false, kOpen).PlaintextAdmitted(Network::kRemote), true);
  EXPECT_EQ(Make(kOpen, false, kOpen).PlaintextAdmitted(Network::kLoopback), false);
  EXPECT_EQ(Make(kStrict, true, kStrict).PlaintextAdmitted(Network::kRemote), std::nullopt);
  EXPECT_EQ(Make(kStrict, true, std::nullopt).PlaintextAdmitted(Network::kRemote), std::nullopt);
  EXPECT_EQ(Make(kStrict, std::nullopt, std::nullopt).PlaintextAdmitted(Network::kRemote), std::nullopt);
}

TEST(Posture, SaysYesByEither) {
  EXPECT_EQ(Make(kStrict, true, kOpen).PlaintextAdmitted(Network::kRemote), true);
  EXPECT_EQ(Make(kOpen, true, kStrict).PlaintextAdmitted(Network::kRemote), true);
  EXPECT_EQ(Make(kOpen, std::nullopt, std::nullopt).PlaintextAdmitted(Network::kRemote), true);
}

TEST(Posture, SaysNothingWithoutAnAnalysis) {
  Posture posture = Make(kStrict, false, kStrict);
  posture.in_force_analysis.reset();
  posture.file_analysis.reset();
  EXPECT_EQ(posture.PlaintextAdmitted(Network::kRemote), std::nullopt);
  EXPECT_THAT(PlaintextRules(posture), IsEmpty());
}

TEST(PlaintextRules, AreThoseInForceAndThoseOfTheFile) {
  const auto rules = PlaintextRules(Make({"host all all 127.0.0.0/8 md5", "host all all 10.0.0.0/8 md5"}, true, kOpen));
  ASSERT_THAT(rules, SizeIs(3));
  EXPECT_EQ(RuleText(rules[0].rule), "host all all 10.0.0.0/8 md5");
  EXPECT_TRUE(rules[0].certain);
  EXPECT_EQ(rules[0].rule.line, 1);
  EXPECT_FALSE(rules[1].certain);  // not in force yet
  EXPECT_FALSE(rules[2].certain);
}

TEST(PlaintextRules, HaveEachRuleOnceWithItsNetworks) {
  const auto rules =
      PlaintextRules(Make({"host all all all md5"}, false, std::vector<std::string>{"host all all all md5"}));
  ASSERT_THAT(rules, SizeIs(1));
  EXPECT_TRUE(rules[0].certain);
  EXPECT_THAT(rules[0].paths, SizeIs(2));
}

TEST(AdmittingRule, JudgesByTheRulesInForce) {
  const Connection connection = {.user = "u", .database = "d", .address = IpAddress::Parse("10.0.0.1")};
  const Posture posture = Make(kStrict, true, kOpen);
  const Rule* rule = AdmittingRule(posture, connection);
  ASSERT_NE(rule, nullptr);
  EXPECT_EQ(rule->type, RuleType::kHost);
  EXPECT_EQ(AdmittingRule(Make(kStrict, false, kStrict), connection), nullptr);
}

TEST(AdmittingRule, IsTheOnlyOneInQuestionThatAdmits) {
  const Connection connection = {.user = "u", .database = "d", .address = IpAddress::Parse("10.0.0.1")};
  const auto line = [&](const std::vector<std::string>& lines) {
    const Posture posture = Make(lines, false, lines);
    const Rule* rule = AdmittingRule(posture, connection);
    return rule == nullptr ? 0 : rule->line;
  };
  EXPECT_EQ(line({"host all all samehost reject", "host all all all md5"}), 2);
  EXPECT_EQ(line({"host all all samehost md5", "host all all all reject"}), 1);
  EXPECT_EQ(line({"host all all samehost trust", "host all all all md5"}), 0);
}

}  // namespace
}  // namespace pgtls::hba
