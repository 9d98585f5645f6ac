#include "collectors/hba.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/base/error.h"
#include "exporter/hba/posture.h"
#include "exporter/sessions/open_connections.h"
#include "tests/collectors/harness.h"
#include "tests/support/golden.h"

namespace pgtls::collectors {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using Text = std::optional<std::string>;

// A text as bytea comes.
std::string Hex(std::string_view text) {
  std::string hex = "\\x";
  for (const char c : text) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    hex += kDigits[static_cast<unsigned char>(c) >> 4];
    hex += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return hex;
}

class HbaTest : public testing::Test {
 protected:
  HbaTest() {
    Access("t", "t", "f");
    answers_["hba_rules_function"] = {{"ordinality", "file", "line_number", "rule_number", "type", "databases", "users",
                                       "address", "netmask", "auth_method", "clientcert", "options", "error", "raw"},
                                      {}};
    answers_["hba_files_function"] = {{"path", "changed", "size", "way"},
                                      {{"/data/pg_hba.conf", "100", "10", "f"}, {"/data", "50", std::nullopt, "t"}}};
    answers_["hba_catalog"] = {{"kind", "name", "of_group", "privileges"},
                               {{"role", "erp", std::nullopt, std::nullopt},
                                {"role", "anna", std::nullopt, std::nullopt},
                                {"member", "anna", "ops", std::nullopt},
                                {"database", "erp", std::nullopt, std::nullopt},
                                {"privileged", "anna", std::nullopt, "REPLICATION\nCREATEDB"},
                                {"privileged", "erp", std::nullopt, "SUPERUSER"}}};
    answers_["hba_ident_function"] = {{"file", "line_number", "map_name", "sys_name", "pg_username", "error",
                                       "any_user", "any_domain", "superuser", "changed", "includes"},
                                      {{"/data/pg_ident.conf", std::nullopt, std::nullopt, std::nullopt, std::nullopt,
                                        std::nullopt, std::nullopt, std::nullopt, std::nullopt, "100", "f"}}};
    Publish();
  }

  void Access(const char* functions, const char* sees_stats, const char* superuser) {
    answers_["hba_access"] = {{"rules_function", "files_function", "superuser", "rules_view", "sees_stats", "load_time",
                               "now", "postmaster_start_us", "hba_file", "ssl", "client_ca", "ident_function"},
                              {{functions, functions, superuser, "t", sees_stats, "200.5", "300", "7",
                                "/data/pg_hba.conf", "t", "t", functions}}};
  }
  void Rule(const char* type, const char* databases, const char* users, Text address, Text netmask, const char* method,
            const std::string& raw, Text options = std::nullopt) {
    auto& rows = answers_["hba_rules_function"].second;
    const std::string line = std::to_string(rows.size() + 1);
    rows.push_back({line, "/data/pg_hba.conf", line, line, type, databases, users, std::move(address),
                    std::move(netmask), method, std::nullopt, std::move(options), std::nullopt, Hex(raw)});
  }
  // What the sessions collector has found: one client more.
  void Open(const std::string& user, const std::string& database, const char* address,
            std::optional<Encryption> encryption, std::size_t connections) {
    const auto ip = address == nullptr ? std::nullopt : IpAddress::Parse(address);
    const sessions::Origin origin = {ip ? Network::kRemote : Network::kLocal, ip};
    open_.connections.push_back({.user = user,
                                 .database = database,
                                 .address = ip,
                                 .network = origin.network,
                                 .encryption = encryption,
                                 .client = ShownClientOf(origin, {.ipv4_prefix = 16}),
                                 .connections = connections});
    Publish();
  }
  void Publish() { harness_.facts.Publish(std::make_shared<const sessions::OpenConnections>(open_)); }

  Harness harness_{HbaCollector()};
  sessions::OpenConnections open_{.postmaster_start_us = 7, .connections = {}};
  std::map<std::string, std::pair<std::vector<std::string>, FakeSession::Rows>, std::less<>>& answers_ =
      harness_.fake.answers;
};

TEST_F(HbaTest, RendersAllThatItKnows) {
  Rule("local", "all", "all", std::nullopt, std::nullopt, "peer", "local all all");
  Rule("hostssl", "all\nreplication", "all", "0.0.0.0", "0.0.0.0", "scram-sha-256",
       "hostssl all,replication all 0.0.0.0/0");
  Rule("host", "all", "+ops", "10.0.0.0", "255.0.0.0", "md5", "host \"all\" +ops 10.0.0.0/8");
  Rule("host", "erp", "erp", "samenet", std::nullopt, "trust", "host erp erp samenet");
  Rule("hostssl", "erp", "erp", "10.0.0.0", "255.0.0.0", "trust", "hostssl erp erp 10.0.0.0/8");
  answers_["hba_rules_function"].second.push_back(
      {"6", "/data/pg_hba.conf", "6", std::nullopt, std::nullopt, std::nullopt, std::nullopt, std::nullopt,
       std::nullopt, std::nullopt, std::nullopt, std::nullopt, "invalid connection type \"hots\"", std::nullopt});
  Open("anna", "all", "10.1.2.3", Encryption::kNone, 2);
  Open("erp", "erp", "10.1.2.3", Encryption::kTls, 1);
  Open("erp", "erp", nullptr, Encryption::kNone, 3);
  Open("bob", "erp", "10.1.2.4", Encryption::kNone, 1);  // no rule admits him now
  EXPECT_TRUE(support::MatchesGolden("tests/collectors/testdata/hba.prom", harness_.CollectPage()));
}

TEST_F(HbaTest, ReadsWhatPrivilegedRolesMayDo) {
  Rule("host", "all", "anna", "10.0.0.0", "255.0.0.0", "md5", "host all anna 10.0.0.0/8");
  const auto posture = harness_.Collect().facts.Get<hba::Posture>();
  const std::vector<hba::PrivilegedRole> roles = {{"erp", true, false, {}}, {"anna", false, true, {"CREATEDB"}}};
  EXPECT_EQ(posture->catalog.privileged(), (hba::PrivilegedRoles{roles, 2}));
  ASSERT_EQ(posture->file_analysis->privileged.size(), 1u);
  EXPECT_EQ(posture->file_analysis->privileged[0].user, "anna");
}

// ---- pg_ident.conf

class HbaMapsTest : public HbaTest {
 protected:
  void Line(const char* number, Text map, Text system_user, Text role, Text error, const char* any_user) {
    lines_.push_back({"/data/pg_ident.conf", number, std::move(map), std::move(system_user), std::move(role),
                      std::move(error), any_user, "f", "f", std::nullopt, std::nullopt});
  }
  void RuleWithMap() { Rule("local", "all", "all", std::nullopt, std::nullopt, "peer", "local all all", "map=os"); }
  // Of the part ident_maps; empty: nothing is missing.
  std::string Why() {
    for (const auto& part : harness_.Collect().incomplete) {
      if (part.part == "ident_maps") return part.reason;
    }
    return "";
  }
  std::optional<hba::IdentMaps> Maps() { return harness_.Collect().facts.Get<hba::Posture>()->maps; }

  FakeSession::Rows& lines_ = answers_["hba_ident_function"].second;
};

TEST_F(HbaMapsTest, ReadsTheLinesOfAFileInForce) {
  RuleWithMap();
  Line("3", "os", "/^(.*)$", "app", std::nullopt, "t");
  Line("4", "os", "bob", "erp", std::nullopt, "f");
  const hba::IdentMaps expected = {.server_version = 180000,
                                   .lines = {{"/data/pg_ident.conf", 3, "os", "/^(.*)$", "app", true, false, false},
                                             {"/data/pg_ident.conf", 4, "os", "bob", "erp", false, false, false}},
                                   .errors = {},
                                   .in_force = true};
  EXPECT_EQ(Maps(), expected);
  EXPECT_EQ(Why(), "");
}

TEST_F(HbaMapsTest, AreInForceOnlyIfTheFileIsOlderThanTheLoad) {
  RuleWithMap();
  const auto in_force = [&](Text changed, const char* includes) {
    lines_[0][9] = std::move(changed), lines_[0][10] = includes;
    return Maps()->in_force;
  };
  EXPECT_TRUE(in_force("199", "f"));
  EXPECT_FALSE(in_force("200", "f")) << "in the second of the load";
  EXPECT_FALSE(in_force("201", "f"));
  EXPECT_FALSE(in_force(std::nullopt, "f"));
  EXPECT_FALSE(in_force("199", "t")) << "a file that has no line any more is not among them";
  lines_[0][9] = "199", lines_[0][10] = "f";
  Line("5", std::nullopt, std::nullopt, std::nullopt, "missing entry at end of line", "f");
  EXPECT_FALSE(Maps()->in_force);
  EXPECT_EQ(Maps()->errors.size(), 1u);
}

TEST_F(HbaMapsTest, MatterOnlyWhereARuleNamesOne) {
  Rule("local", "all", "all", std::nullopt, std::nullopt, "peer", "local all all", "map=");
  answers_.erase("hba_ident_function");
  harness_.fake.failures.emplace("hba_ident_function", DbError(FailureReason::kError, "XX000", "no"));
  EXPECT_EQ(Why(), "");
  EXPECT_EQ(Maps(), std::nullopt);
  RuleWithMap();
  EXPECT_EQ(Why(), "error");
}

TEST_F(HbaMapsTest, SayWhyTheyAreNotKnown) {
  RuleWithMap();
  harness_.fake.version = 140000;
  EXPECT_EQ(Why(), "server_version");
  harness_.fake.version = 180000;
  answers_["hba_access"].second[0].back() = "f";
  EXPECT_EQ(Why(), "insufficient_privilege");
  answers_["hba_access"].second[0].back() = "t";
  EXPECT_EQ(Why(), "");
  while (lines_.size() <= 10'000) Line("9", "os", "bob", "erp", std::nullopt, "f");
  EXPECT_EQ(Why(), "too_many_lines");
  auto& rules = answers_["hba_rules_function"];
  rules.first[11] = "another";
  EXPECT_EQ(Why(), "outdated") << "nobody knows which rule names a map";
}

TEST_F(HbaMapsTest, AFileThatCannotBeReadIsRefused) {
  RuleWithMap();
  harness_.fake.failures.emplace("hba_ident_function",
                                 DbError(FailureReason::kError, "58P01", "could not open file \"pg_ident.conf\""));
  EXPECT_EQ(Why(), "");
  EXPECT_EQ(Maps()->errors.at(0).message, "could not open file \"pg_ident.conf\"");
}

TEST_F(HbaTest, CapsWhoComesInUnencrypted) {
  Rule("host", "all", "all", "all", std::nullopt, "md5", "host all all all");
  harness_.options<HbaOptions>().max_series = 1;
  Open("anna", "erp", "10.1.2.3", Encryption::kNone, 2);
  Open("erp", "erp", "10.1.2.4", Encryption::kNone, 1);
  EXPECT_THAT(support::Families(harness_.CollectPage(), "pg_tls_hba_plaintext_connections"),
              testing::AllOf(HasSubstr("user=\"anna\",client_addr=\"10.1.2.3\"} 2\n"),
                             HasSubstr("database=\"__other__\",user=\"__other__\",client_addr=\"__other__\"} 1\n")));
}

// For the connections without encryption, together as they are shown.
TEST_F(HbaTest, PublishesTheRuleThatAdmitsPlaintext) {
  Rule("host", "all", "all", "10.1.0.0", "255.255.0.0", "md5", "host all all 10.1.0.0/16");
  Rule("host", "all", "all", "10.2.2.0", "255.255.255.0", "md5", "host all all 10.2.2.0/24");
  Rule("host", "all", "all", "10.2.0.0", "255.255.0.0", "md5", "host all all 10.2.0.0/16");
  Open("anna", "erp", "10.1.2.3", Encryption::kNone, 2);
  Open("anna", "erp", "10.1.9.9", Encryption::kNone, 1);
  Open("anna", "erp", "10.2.2.3", Encryption::kNone, 1);
  Open("anna", "erp", "10.2.9.9", Encryption::kNone, 1);
  Open("erp", "erp", "10.1.2.4", Encryption::kTls, 1);
  Open("erp", "erp", nullptr, Encryption::kNone, 3);
  const auto posture = harness_.Collect().facts.Get<hba::Posture>();
  ASSERT_TRUE(posture->plaintext);
  const hba::PlaintextClients by_one{"anna", "erp", Cidr::Parse("10.1.0.0/16")};
  const hba::PlaintextClients by_two{"anna", "erp", Cidr::Parse("10.2.0.0/16")};
  EXPECT_THAT(*posture->plaintext,
              ElementsAre(testing::Pair(by_one, &posture->judging().rules[0]), testing::Pair(by_two, nullptr)));
}

TEST_F(HbaTest, WithoutTheSessionsOfThisServerNoneIsJudged) {
  Rule("host", "all", "all", "all", std::nullopt, "md5", "host all all all");
  Open("anna", "erp", "10.1.2.3", Encryption::kNone, 1);
  const auto missing = [this] {
    const sampling::Output output = harness_.Collect();
    EXPECT_FALSE(output.facts.Get<hba::Posture>()->plaintext);
    EXPECT_TRUE(output.facts.Get<hba::Posture>()->file_analysis) << "the rules are judged all the same";
    std::string parts;
    for (const auto& [part, reason, detail] : output.incomplete) parts += part + ":" + reason;
    EXPECT_THAT(harness_.CollectPage(), Not(HasSubstr("_connections")));
    return parts;
  };
  answers_["hba_access"].second[0][7] = "8";
  EXPECT_EQ(missing(), "connections:no_sessions") << "they were open on another server, or before its restart";
  harness_.facts = {};
  EXPECT_EQ(missing(), "connections:no_sessions");
  Access("t", "f", "f");
  EXPECT_EQ(missing(), "connections:insufficient_privilege");
}

TEST_F(HbaTest, AConnectionOfUnknownEncryptionHasNoRule) {
  Rule("host", "all", "all", "all", std::nullopt, "md5", "host all all all");
  Open("anna", "erp", "10.1.2.3", std::nullopt, 2);
  const sampling::Output output = harness_.Collect();
  ASSERT_EQ(output.incomplete.size(), 1u);
  EXPECT_EQ(output.incomplete[0].reason, "encryption_unknown");
  EXPECT_THAT(harness_.CollectPage(),
              HasSubstr("pg_tls_hba_rule_connections{server=\"db\",file=\"\",line=\"\",encryption=\"unknown\"} 2\n"));
}

TEST_F(HbaTest, JudgesNothingInAClusterThatIsTooLarge) {
  Rule("host", "all", "all", "all", std::nullopt, "md5", "host all all all");
  auto& rows = answers_["hba_catalog"].second;
  while (rows.size() <= 100'000)
    rows.push_back({"role", "role" + std::to_string(rows.size()), std::nullopt, std::nullopt});
  const sampling::Output output = harness_.Collect();
  ASSERT_EQ(output.incomplete.size(), 1u);
  EXPECT_EQ(output.incomplete[0].part, "roles");
  EXPECT_FALSE(output.facts.Get<hba::Posture>()->plaintext) << "nobody may judge them by half a catalog";
  const std::string page = harness_.CollectPage();
  EXPECT_THAT(page, HasSubstr("pg_tls_hba_rules"));
  EXPECT_THAT(page, Not(HasSubstr("plaintext")));
  EXPECT_THAT(page, Not(HasSubstr("shadowed")));
}

TEST_F(HbaTest, SaysWhenAQuestionIsTooHard) {
  for (int bit = 0; bit < 8; ++bit) {
    const std::string mask = fmt::format("{0}.{0}.{0}.{0}", 1 << bit);
    Rule("host", "all", "all", mask, mask, "md5", "host all all " + mask);
  }
  const sampling::Output output = harness_.Collect();
  ASSERT_EQ(output.incomplete.size(), 1u);
  EXPECT_EQ(output.incomplete[0].part, "analysis");
  EXPECT_THAT(harness_.CollectPage(), Not(HasSubstr("plaintext_admitted")));
}

TEST_F(HbaTest, KeepsARefusalToJudge) {
  for (int bit = 0; bit < 8; ++bit) {
    const std::string mask = fmt::format("{0}.{0}.{0}.{0}", 1 << bit);
    Rule("host", "all", "all", mask, mask, "md5", "host all all " + mask);
  }
  const auto first = harness_.Collect().facts.Get<hba::Posture>();
  EXPECT_TRUE(first->analysed);
  Open("anna", "erp", "10.1.2.3", Encryption::kNone, 1);
  const sampling::Output output = harness_.Collect();
  EXPECT_EQ(output.incomplete.at(0).part, "analysis");
  EXPECT_FALSE(output.facts.Get<hba::Posture>()->file_analysis);
}

TEST_F(HbaTest, NeedsTheFunctionsOfThisVersion) {
  answers_["hba_files_function"] = {{"path", "changed"}, {{"/data/pg_hba.conf", "100"}}};
  Rule("host", "all", "all", "all", std::nullopt, "md5", "host all all all");
  const sampling::Output output = harness_.Collect();
  ASSERT_EQ(output.incomplete.size(), 1u);
  EXPECT_EQ(output.incomplete[0].reason, "outdated");
}

TEST_F(HbaTest, SaysWhyTheRulesInForceAreNotKnown) {
  Rule("hostssl", "all", "all", "all", std::nullopt, "md5", "hostssl all all all");
  auto& files = answers_["hba_files_function"].second;
  const std::pair<std::pair<const char*, const char*>, const char*> cases[] = {{{"200", "50"}, "changed_with_load"},
                                                                               {{"100", "200"}, "path_changed"},
                                                                               {{"100", "300"}, "path_changed"},
                                                                               {{"201", "50"}, "reload_pending"}};
  for (const auto& [times, why] : cases) {
    files[0][1] = times.first, files[1][1] = times.second;
    Harness stranger{HbaCollector()};
    stranger.fake.answers = answers_;
    stranger.facts = harness_.facts;
    const sampling::Output output = stranger.Collect();
    ASSERT_EQ(output.incomplete.size(), 1u) << why;
    EXPECT_EQ(output.incomplete[0].part, "rules_in_force");
    EXPECT_EQ(output.incomplete[0].reason, why);
    EXPECT_EQ(output.facts.Get<hba::Posture>()->PlaintextAdmitted(Network::kRemote), std::nullopt);
  }
}

TEST_F(HbaTest, LosesWhatAFileThatCannotBeReadWouldSay) {
  Rule("host", "all", "all", "all", std::nullopt, "md5", "host all all all");
  harness_.fake.failures.insert_or_assign("hba_files_function",
                                          DbError(FailureReason::kError, "58P01", "could not read file"));
  const sampling::Output output = harness_.Collect();
  ASSERT_EQ(output.incomplete.size(), 1u);
  EXPECT_EQ(output.incomplete[0].part, "file_times");
  EXPECT_THAT(harness_.CollectPage(), Not(HasSubstr("pending_reload")));
  harness_.fake.failures.insert_or_assign("hba_files_function",
                                          DbError(FailureReason::kConnection, "", "the connection was lost"));
  EXPECT_THROW(harness_.Collect(), DbError);
}

TEST_F(HbaTest, TakesTheViewWhereTheRawTextCannotBeRead) {
  harness_.fake.failures.insert_or_assign("hba_rules_function",
                                          DbError(FailureReason::kError, "58P01", "could not read file"));
  answers_["hba_view"] = {{"file", "line_number", "rule_number", "type", "databases", "users", "address", "netmask",
                           "auth_method", "clientcert", "options", "error", "raw"},
                          {{"/data/pg_hba.conf", "7", "1", "host", "all", "all", "all", std::nullopt, "trust",
                            std::nullopt, std::nullopt, std::nullopt, std::nullopt}}};
  const sampling::Output output = harness_.Collect();
  ASSERT_EQ(output.incomplete.size(), 1u);
  EXPECT_EQ(output.incomplete[0].part, "raw_text");
  EXPECT_THAT(harness_.CollectPage(), HasSubstr("pg_tls_hba_plaintext_admitted{server=\"db\",network=\"remote\"} 1"));
}

TEST_F(HbaTest, TheSameAnswersAreSaidToBeUnchanged) {
  Rule("host", "all", "all", "10.0.0.0", "255.0.0.0", "md5", "host all all 10.0.0.0/8");
  harness_.basis = harness_.Collect().basis;
  ASSERT_TRUE(harness_.basis);
  answers_["hba_access"].second[0][6] = "315";  // the clock alone
  sampling::Output same = harness_.Collect();
  EXPECT_TRUE(same.unchanged);
  EXPECT_EQ(same.basis, harness_.basis);

  const auto before = answers_;
  const std::pair<const char*, std::function<void()>> changes[] = {
      {"load time", [&] { answers_["hba_access"].second[0][5] = "310"; }},
      {"rule", [&] { answers_["hba_rules_function"].second[0][9] = "trust"; }},
      {"file", [&] { answers_["hba_files_function"].second[0][1] = "101"; }},
      {"catalog", [&] { answers_["hba_catalog"].second.pop_back(); }},
      {"connection", [&] { Open("anna", "erp", "10.1.2.3", Encryption::kNone, 1); }},
      {"server", [&] { answers_["hba_access"].second[0][7] = "8"; }},
      {"statistics", [&] { Access("t", "f", "f"); }},
  };
  for (const auto& [what, change] : changes) {
    answers_ = before;
    harness_.basis = harness_.Collect().basis;
    change();
    sampling::Output output = harness_.Collect();
    EXPECT_FALSE(output.unchanged) << what;
    harness_.basis = output.basis;
    EXPECT_TRUE(harness_.Collect().unchanged) << "after another " << what;
  }
}

TEST_F(HbaTest, AnswersThatAreNoneAreNothingToBuildOn) {
  harness_.fake.failures.emplace("hba_files_function", DbError(FailureReason::kError, "58P01", "no such file"));
  EXPECT_FALSE(harness_.Collect().basis);
}

TEST_F(HbaTest, AsksInOneRoundTripWhatTheRoleMightSeeLastTime) {
  harness_.Collect();
  EXPECT_EQ(harness_.fake.round_trips, 2) << "what it may see, then what it is";
  harness_.Collect();
  EXPECT_EQ(harness_.fake.round_trips, 3);
  Access("f", "f", "t");
  answers_["hba_rules"] = answers_["hba_rules_function"];
  answers_["hba_files"] = answers_["hba_files_function"];
  answers_["hba_ident"] = answers_["hba_ident_function"];
  const sampling::Output output = harness_.Collect();
  EXPECT_EQ(harness_.fake.round_trips, 5) << "it may see other things now";
  EXPECT_TRUE(output.facts.Get<hba::Posture>()->has_raw_text);
}

// The same text there was loaded at another time, or was not.
TEST_F(HbaTest, AnotherHostHasNoHistory) {
  const auto in_force = [&] { return harness_.Collect().facts.Get<hba::Posture>()->in_force.rules; };
  harness_.peer = db::Peer{.address = IpAddress::Parse("10.0.0.1"), .port = 5432};
  Rule("hostssl", "all", "all", "10.0.0.0", "255.0.0.0", "md5", "hostssl all all 10.0.0.0/8");
  ASSERT_TRUE(in_force());
  auto& error = answers_["hba_rules_function"].second[0][12];
  auto& type = answers_["hba_rules_function"].second[0][4];
  error = "invalid connection type", type = std::nullopt;
  EXPECT_TRUE(in_force()) << "a file that cannot be loaded leaves those that are known";
  harness_.peer->address = IpAddress::Parse("10.0.0.2");
  EXPECT_FALSE(in_force());
}

}  // namespace
}  // namespace pgtls::collectors
