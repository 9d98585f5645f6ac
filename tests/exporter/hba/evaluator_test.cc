#include "exporter/hba/evaluator.h"

#include <gmock/gmock.h>

#include "tests/exporter/hba/hba_text.h"

namespace pgtls::hba {
namespace {

using Outcome = Verdict::Outcome;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Connection Plain(const std::string& user, const std::string& database, const std::string& address) {
  return {.user = user, .database = database, .address = IpAddress::Parse(address)};
}

Catalog Cluster() { return {{"erp", "ops", "anna"}, {{"anna", "ops"}}, {}}; }

Verdict Judge(const std::vector<std::string>& lines, const Connection& connection, const RegexAnswers& regexes = {}) {
  return Evaluate(Rules(lines), connection, Cluster(), regexes);
}

TEST(TypeMatches, IsPostgresqlsTable) {
  const auto matching = [](bool unix_socket, Encryption encryption) {
    std::string text;
    for (const RuleType type : {RuleType::kLocal, RuleType::kHost, RuleType::kHostSsl, RuleType::kHostNoSsl,
                                RuleType::kHostGssEnc, RuleType::kHostNoGssEnc}) {
      if (TypeMatches(type, unix_socket, encryption)) text += std::string(ToString(type)) + ' ';
    }
    return text;
  };
  EXPECT_EQ(matching(true, Encryption::kNone), "local ");
  EXPECT_EQ(matching(false, Encryption::kNone), "host hostnossl hostnogssenc ");
  EXPECT_EQ(matching(false, Encryption::kTls), "host hostssl hostnogssenc ");
  EXPECT_EQ(matching(false, Encryption::kGss), "host hostnossl hostgssenc ");
}

TEST(Evaluate, TakesTheFirstMatch) {
  const std::vector<std::string> lines = {"host erp all 10.0.0.0/8 reject", "host all all 10.0.0.0/8 md5"};
  const Verdict rejected = Judge(lines, Plain("erp", "erp", "10.1.2.3"));
  EXPECT_EQ(rejected.outcome, Outcome::kRejected);
  EXPECT_EQ(rejected.rule, 0u);
  const Verdict admitted = Judge(lines, Plain("erp", "other", "10.1.2.3"));
  EXPECT_EQ(admitted.outcome, Outcome::kAdmitted);
  EXPECT_EQ(admitted.rule, 1u);
  EXPECT_THAT(admitted.may_match, IsEmpty());
}

TEST(Evaluate, RejectsWhereNothingMatches) {
  const Verdict verdict = Judge({"host all all 10.0.0.0/8 md5"}, Plain("erp", "erp", "11.0.0.1"));
  EXPECT_EQ(verdict.outcome, Outcome::kRejected);
  EXPECT_EQ(verdict.rule, std::nullopt);
}

TEST(Evaluate, ComparesNamesExactly) {
  EXPECT_EQ(Judge({"host all erp all md5"}, Plain("ERP", "x", "10.0.0.1")).outcome, Outcome::kRejected);
  EXPECT_EQ(Judge({"host \"all\" erp all md5"}, Plain("erp", "all", "10.0.0.1")).outcome, Outcome::kAdmitted);
  EXPECT_EQ(Judge({"host \"all\" erp all md5"}, Plain("erp", "x", "10.0.0.1")).outcome, Outcome::kRejected);
}

TEST(Evaluate, KnowsGroups) {
  EXPECT_EQ(Judge({"host all +ops all md5"}, Plain("anna", "x", "10.0.0.1")).outcome, Outcome::kAdmitted);
  EXPECT_EQ(Judge({"host all +ops all md5"}, Plain("ops", "x", "10.0.0.1")).outcome, Outcome::kAdmitted);
  EXPECT_EQ(Judge({"host all +ops all md5"}, Plain("erp", "x", "10.0.0.1")).outcome, Outcome::kRejected);
  EXPECT_EQ(Judge({"host all \"+ops\" all md5"}, Plain("anna", "x", "10.0.0.1")).outcome, Outcome::kRejected);
}

TEST(Evaluate, KnowsSameuserAndSamerole) {
  EXPECT_EQ(Judge({"host sameuser all all md5"}, Plain("nobody", "nobody", "10.0.0.1")).outcome, Outcome::kAdmitted);
  EXPECT_EQ(Judge({"host sameuser all all md5"}, Plain("erp", "ops", "10.0.0.1")).outcome, Outcome::kRejected);
  EXPECT_EQ(Judge({"host samerole all all md5"}, Plain("anna", "ops", "10.0.0.1")).outcome, Outcome::kAdmitted);
  EXPECT_EQ(Judge({"host samegroup all all md5"}, Plain("anna", "anna", "10.0.0.1")).outcome, Outcome::kAdmitted);
  EXPECT_EQ(Judge({"host samerole all all md5"}, Plain("nobody", "nobody", "10.0.0.1")).outcome, Outcome::kRejected);
}

TEST(Evaluate, KeepsReplicationApart) {
  Connection connection = Plain("erp", "", "10.0.0.1");
  connection.replication = true;
  EXPECT_EQ(Judge({"host all all all md5"}, connection).outcome, Outcome::kRejected);
  EXPECT_EQ(Judge({"host \"replication\" all all md5"}, connection).outcome, Outcome::kRejected);
  EXPECT_EQ(Judge({"host x,replication all all md5"}, connection).outcome, Outcome::kAdmitted);
  EXPECT_EQ(Judge({"host replication all all md5"}, Plain("erp", "replication", "10.0.0.1")).outcome,
            Outcome::kRejected);
  EXPECT_EQ(Judge({"host \"replication\" all all md5"}, Plain("erp", "replication", "10.0.0.1")).outcome,
            Outcome::kAdmitted);
}

TEST(Evaluate, ComparesAddressesUnderTheMask) {
  const auto admits = [](const std::string& rule, const std::string& address) {
    return Judge({"host all all " + rule + " md5"}, Plain("erp", "x", address)).outcome == Outcome::kAdmitted;
  };
  EXPECT_TRUE(admits("10.1.2.3/8", "10.9.9.9"));  // host bits in the rule are of no account
  EXPECT_TRUE(admits("10.0.7.0 255.0.255.0", "10.200.7.1"));
  EXPECT_FALSE(admits("10.0.7.0 255.0.255.0", "10.200.8.1"));
  EXPECT_TRUE(admits("0.0.0.0/0", "8.8.8.8"));
  EXPECT_FALSE(admits("0.0.0.0/0", "::1"));
  EXPECT_FALSE(admits("0.0.0.0/0", "::ffff:8.8.8.8"));
  EXPECT_TRUE(admits("::/0", "::ffff:8.8.8.8"));
  EXPECT_TRUE(admits("fe80::/10", "fe80::1"));
  EXPECT_FALSE(admits("::1/128", "::2"));
  EXPECT_TRUE(admits("all", "::2"));
}

TEST(Evaluate, DoesNotStopAtARuleThatMayMatch) {
  const Connection connection = Plain("erp", "x", "10.0.0.1");
  Verdict verdict = Judge({"host all all samehost reject", "host all all all md5"}, connection);
  EXPECT_EQ(verdict.outcome, Outcome::kUndecided);
  EXPECT_EQ(verdict.rule, 1u);
  EXPECT_THAT(verdict.may_match, ElementsAre(0u));
  verdict = Judge({"host all all db.example.com trust", "host all all all reject"}, connection);
  EXPECT_EQ(verdict.outcome, Outcome::kUndecided);
  verdict = Judge({"host all all samenet trust"}, connection);
  EXPECT_EQ(verdict.outcome, Outcome::kUndecided);
  EXPECT_EQ(verdict.rule, std::nullopt);
}

TEST(Evaluate, DecidesWhereAllThatMayMatchAgree) {
  const Connection connection = Plain("erp", "x", "10.0.0.1");
  EXPECT_EQ(Judge({"host all all samenet trust", "host all all all md5"}, connection).outcome, Outcome::kAdmitted);
  EXPECT_EQ(Judge({"host all all samenet reject"}, connection).outcome, Outcome::kRejected);
}

TEST(Evaluate, TakesLocalhostForLoopback) {
  EXPECT_EQ(Judge({"host all all LocalHost trust"}, Plain("erp", "x", "10.0.0.1")).outcome, Outcome::kRejected);
  EXPECT_EQ(Judge({"host all all localhost trust"}, Plain("erp", "x", "127.0.0.1")).outcome, Outcome::kUndecided);
  EXPECT_EQ(Judge({"host all all .example.com trust"}, Plain("erp", "x", "127.0.0.1")).outcome, Outcome::kUndecided);
}

TEST(Evaluate, AsksForTheServersAnswersToRegularExpressions) {
  RegexAnswers regexes;
  regexes.AddPattern("^e");
  regexes.AddName("erp");
  regexes.AddName("anna");
  regexes.AddMatch("^e", "erp");
  const std::vector<std::string> lines = {"host all /^e all md5"};
  EXPECT_EQ(Judge(lines, Plain("erp", "x", "10.0.0.1"), regexes).outcome, Outcome::kAdmitted);
  EXPECT_EQ(Judge(lines, Plain("anna", "x", "10.0.0.1"), regexes).outcome, Outcome::kRejected);
  EXPECT_EQ(Judge(lines, Plain("eve", "x", "10.0.0.1"), regexes).outcome, Outcome::kUndecided);
  EXPECT_EQ(Judge({"host /^e all all md5"}, Plain("x", "erp", "10.0.0.1"), regexes).outcome, Outcome::kAdmitted);
}

TEST(Evaluate, AsksForClientCertificates) {
  Connection connection = Plain("erp", "x", "10.0.0.1");
  connection.encryption = Encryption::kTls;
  Verdict verdict = Judge({"hostssl all all all cert"}, connection);
  EXPECT_EQ(verdict.outcome, Outcome::kRejected);
  EXPECT_EQ(verdict.refusal, Verdict::Refusal::kNoClientCertificate);
  connection.client_certificate = true;
  verdict = Judge({"hostssl all all all cert"}, connection);
  EXPECT_EQ(verdict.outcome, Outcome::kAdmitted);
  EXPECT_EQ(verdict.refusal, Verdict::Refusal::kNone);
}

TEST(Evaluate, JudgesWithTheSettingsThatTheRulesNeed) {
  Connection connection = Plain("erp", "x", "10.0.0.1");
  connection.encryption = Encryption::kTls;
  connection.client_certificate = true;
  const auto judge = [&](const std::vector<std::string>& lines, const Abilities& abilities) {
    return Evaluate(Rules(lines), connection, {}, {}, abilities);
  };
  const std::vector<std::string> cert = {"hostssl all all all cert"};
  EXPECT_EQ(judge(cert, {true, false}).refusal, Verdict::Refusal::kNoClientCa);
  EXPECT_EQ(judge(cert, {true, false}).outcome, Outcome::kRejected);
  EXPECT_EQ(judge(cert, {true, std::nullopt}).outcome, Outcome::kUndecided);
  EXPECT_EQ(judge({"hostssl all all all md5"}, {true, false}).outcome, Outcome::kAdmitted);
  EXPECT_TRUE(judge({"host all all all md5"}, {false, true}).tls_is_off);
  EXPECT_EQ(judge({"host all all all md5"}, {false, true}).outcome, Outcome::kRejected);
  EXPECT_EQ(judge({"host all all all md5"}, {std::nullopt, true}).outcome, Outcome::kUndecided);
  connection.client_certificate = false;
  EXPECT_EQ(judge(cert, {true, std::nullopt}).outcome, Outcome::kRejected);
  connection.encryption = Encryption::kNone;
  EXPECT_EQ(judge({"host all all all md5"}, {false, false}).outcome, Outcome::kAdmitted);

  EXPECT_TRUE(AdmitsNobody(Rules(cert).rules[0], {true, false}));
  EXPECT_TRUE(AdmitsNobody(Rules({"hostssl all all all md5"}).rules[0], {false, true}));
  EXPECT_FALSE(AdmitsNobody(Rules({"host all all all md5"}).rules[0], {false, false}));
}

TEST(Evaluate, SaysThatItAssumedKeywords) {
  const Connection connection = Plain("erp", "x", "10.0.0.1");
  const auto assumed = [&](const std::vector<std::string>& lines) {
    return Evaluate(ParseRules(RowsOf(lines, false), 150000), connection, Cluster(), {}).assumed;
  };
  EXPECT_TRUE(assumed({"host all erp 10.0.0.0/8 md5"}));
  EXPECT_FALSE(assumed({"host x erp 10.0.0.0/8 md5"}));
  // Read as the keyword it does not match; as a name it would have.
  EXPECT_TRUE(assumed({"host replication erp 10.0.0.0/8 md5", "host x erp 10.0.0.0/8 md5"}));
  EXPECT_FALSE(assumed({"host all all 192.168.0.0/16 md5", "host x erp 10.0.0.0/8 md5"}));
  EXPECT_FALSE(assumed({"host x erp 10.0.0.0/8 md5", "host all erp 10.0.0.0/8 md5"}));
}

TEST(WhyUndecided, NamesTheReason) {
  const auto why = [](const std::string& line) {
    return WhyUndecided(Rules({line}).rules[0], Plain("erp", "x", "10.0.0.1"), Cluster(), {});
  };
  EXPECT_THAT(why("host all all samehost md5"), HasSubstr("samehost"));
  EXPECT_THAT(why("host all all samenet md5"), HasSubstr("samenet"));
  EXPECT_THAT(why("host all all db.example.com md5"), HasSubstr("db.example.com"));
  EXPECT_THAT(why("host all /^e all md5"), HasSubstr("regular expression over the user"));
  EXPECT_THAT(why("host /^e all all md5"), HasSubstr("regular expression over the database"));
  EXPECT_EQ(why("host all all all md5"), "");
}

}  // namespace
}  // namespace pgtls::hba
