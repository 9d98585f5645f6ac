#include "exporter/hba/rules.h"

#include <gmock/gmock.h>

#include "tests/exporter/hba/hba_text.h"

namespace pgtls::hba {
namespace {

using Kind = NameMatch::Kind;
using testing::ElementsAre;

std::vector<Kind> Kinds(const std::vector<NameMatch>& matches) {
  std::vector<Kind> kinds;
  kinds.reserve(matches.size());
  for (const NameMatch& match : matches) kinds.push_back(match.kind);
  return kinds;
}

Rule Only(const RuleSet& set) {
  EXPECT_EQ(set.rules.size(), 1u);
  return set.rules.at(0);
}

TEST(ParseRules, ReadsKeywords) {
  const Rule rule = Only(Rules({"local all,sameuser,samerole,samegroup,replication,db all,+ops,u peer"}));
  EXPECT_THAT(Kinds(rule.databases), ElementsAre(Kind::kAll, Kind::kSameUser, Kind::kSameRole, Kind::kSameRole,
                                                 Kind::kReplication, Kind::kName));
  EXPECT_THAT(Kinds(rule.users), ElementsAre(Kind::kAll, Kind::kGroup, Kind::kName));
  EXPECT_EQ(rule.users[1].text, "ops");
  EXPECT_EQ(rule.type, RuleType::kLocal);
  EXPECT_FALSE(rule.assumed);
}

TEST(ParseRules, TakesQuotedKeywordsForNames) {
  const Rule rule = Only(Rules({R"(host "all","sameuser","samerole","replication" "all","+ops" "samehost" md5)"}));
  EXPECT_THAT(Kinds(rule.databases), ElementsAre(Kind::kName, Kind::kName, Kind::kName, Kind::kName));
  EXPECT_THAT(Kinds(rule.users), ElementsAre(Kind::kName, Kind::kName));
  EXPECT_EQ(rule.users[1].text, "+ops");
  EXPECT_EQ(rule.address.kind, AddressMatch::Kind::kHostName);
  EXPECT_FALSE(rule.assumed);
}

TEST(ParseRules, KnowsRegularExpressionsFrom16OnAlsoInQuotes) {
  const std::string line = R"(host /^a,"/b c" "/^u" all md5)";
  const Rule rule = Only(Rules({line}, 160000));
  EXPECT_THAT(Kinds(rule.databases), ElementsAre(Kind::kRegex, Kind::kRegex));
  EXPECT_EQ(rule.databases[1].text, "b c");
  EXPECT_THAT(Kinds(rule.users), ElementsAre(Kind::kRegex));
  const Rule older = Only(Rules({line}, 150020));
  EXPECT_THAT(Kinds(older.databases), ElementsAre(Kind::kName, Kind::kName));
  EXPECT_EQ(older.databases[0].text, "/^a");
}

TEST(ParseRules, SaysThatKeywordsAreAnAssumptionWithoutTheText) {
  EXPECT_TRUE(ParseRules(RowsOf({"host db all 10.0.0.0/8 md5"}, false), 150000).assumed());
  EXPECT_TRUE(ParseRules(RowsOf({"host db erp all md5"}, false), 150000).assumed());
  EXPECT_TRUE(ParseRules(RowsOf({"host db +ops 10.0.0.0/8 md5"}, false), 150000).assumed());
  EXPECT_FALSE(ParseRules(RowsOf({"host db erp 10.0.0.0/8 md5"}, false), 150000).assumed());
}

TEST(ParseRules, DistrustsATextThatSpellsOtherWords) {
  FileRow row = RowOf("host \"all\" erp 10.0.0.0/8 md5", 1);
  row.raw = "host \"each\" erp 10.0.0.0/8 md5";
  const Rule rule = Only(ParseRules({row}, 150000));
  EXPECT_EQ(rule.databases[0].kind, Kind::kAll);
  EXPECT_TRUE(rule.assumed);
}

TEST(ParseRules, KnowsTheQuotesAroundAnIncludedFile) {
  FileRow row = RowOf("host x u 10.0.0.0/8 md5", 1);
  row.databases = {"all", "from", "file", "all"};
  row.raw = R"(host "all",@f,all u 10.0.0.0/8 md5)";
  Rule rule = Only(ParseRules({row}, 150000));
  EXPECT_THAT(Kinds(rule.databases), ElementsAre(Kind::kName, Kind::kName, Kind::kName, Kind::kAll));
  EXPECT_FALSE(rule.assumed);
  row.databases = {"all", "all", "all"};
  rule = Only(ParseRules({row}, 150000));
  EXPECT_THAT(Kinds(rule.databases), ElementsAre(Kind::kName, Kind::kAll, Kind::kAll));
  EXPECT_TRUE(rule.assumed);
  row.databases = {"all"};  // fewer words than the line has itself
  EXPECT_TRUE(Only(ParseRules({row}, 150000)).assumed);
}

TEST(ParseRules, TellsErrorsFromRemarks) {
  FileRow broken{.file = "f", .line = 3, .error = "invalid connection type \"hots\""};
  FileRow silent{.file = "f", .line = 4};  // an invalid clientname: PostgreSQL says nothing in the view
  FileRow remark = RowOf("hostssl all all all md5", 5);
  remark.error = "hostssl record cannot match because SSL is disabled";
  remark.rule_number.reset();
  FileRow hidden = silent;  // the same while SSL is off: the remark is not the reason
  hidden.line = 6;
  hidden.error = remark.error;
  const RuleSet set = ParseRules({broken, silent, remark, hidden}, 180000);
  EXPECT_EQ(set.rules.size(), 1u);
  ASSERT_EQ(set.errors.size(), 3u);
  EXPECT_EQ(ErrorText(set.errors[0]), "f:3: invalid connection type \"hots\"");
  EXPECT_THAT(ErrorText(set.errors[1]),
              testing::AllOf(testing::StartsWith("f:4: "), testing::HasSubstr("server's log")));
  EXPECT_THAT(ErrorText(set.errors[2]),
              testing::AllOf(testing::StartsWith("f:6: "), testing::HasSubstr("server's log")));
  EXPECT_FALSE(set.loadable());
  EXPECT_TRUE(ParseRules({remark}, 180000).loadable());
}

TEST(ParseRules, CountsAFileWithoutEntriesAsRefused) {
  const RuleSet set = ParseRules({}, 180000, "/data/pg_hba.conf");
  EXPECT_FALSE(set.loadable());
  EXPECT_EQ(ErrorText(set.errors.at(0)),
            "/data/pg_hba.conf: the file contains no entries, and PostgreSQL refuses that");
  EXPECT_FALSE(UnreadableRules("f", "Permission denied").loadable());
}

TEST(ParseRules, KnowsWhatAsksForAClientCertificate) {
  const RuleSet set = Rules({"hostssl all all all cert", "hostssl all all all md5 clientcert=verify-ca",
                             "hostssl all all all md5 clientcert=verify-full", "hostssl all all all md5"});
  EXPECT_EQ(set.rules[0].client_cert, ClientCert::kVerifyFull);
  EXPECT_EQ(set.rules[1].client_cert, ClientCert::kVerifyCa);
  EXPECT_EQ(set.rules[2].client_cert, ClientCert::kVerifyFull);
  EXPECT_EQ(set.rules[3].client_cert, ClientCert::kOff);
}

TEST(ParseRules, DoesNotGuessAnAddressThatTheServerCannotPrint) {
  FileRow row = RowOf("host all all all md5", 1);
  row.address = "???";
  row.netmask = "???";
  EXPECT_EQ(Only(ParseRules({row}, 150000)).address.kind, AddressMatch::Kind::kOdd);
}

TEST(RuleText, WritesTheRuleAsTheFileWould) {
  for (const char* line : {
           "local all all peer",
           R"(hostssl all,sameuser,"all" +ops,"+ops",/^x 10.0.0.0/8 scram-sha-256 clientcert=verify-full)",
           R"(hostnossl "a b" "x""y" 10.0.0.0 255.0.255.0 md5)",
           "hostgssenc replication u samehost gss",
           "hostnogssenc samerole u .example.com trust",
           R"(host x "/a b" "all" reject)",
           "host x u ::1/128 cert",
       }) {
    EXPECT_EQ(RuleText(Only(Rules({line}))), line);
  }
}

TEST(PrefixLength, KnowsMasksThatAreNoPrefix) {
  EXPECT_EQ(PrefixLength(*IpAddress::Parse("255.255.0.0")), 16);
  EXPECT_EQ(PrefixLength(*IpAddress::Parse("0.0.0.0")), 0);
  EXPECT_EQ(PrefixLength(*IpAddress::Parse("ffff::")), 16);
  EXPECT_EQ(PrefixLength(*IpAddress::Parse("255.0.255.0")), std::nullopt);
}

}  // namespace
}  // namespace pgtls::hba
