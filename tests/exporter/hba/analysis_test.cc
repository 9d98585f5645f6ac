#include "exporter/hba/analysis.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <set>

#include "tests/exporter/hba/hba_text.h"
#include "tests/exporter/hba/random_rules.h"

namespace pgtls::hba {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

Catalog Cluster() {
  return {{"erp", "anna", "bob", "ops", "staff", "all", "replication", "+ops", "/erp", "a b"},
          {{"anna", "ops"}, {"ops", "staff"}, {"bob", "erp"}},
          {"erp", "ops", "all", "sameuser", "replication", "postgres", "/erp", "a b"}};
}

Analysis Analysed(const std::vector<std::string>& lines) { return Analyse(Rules(lines), Cluster(), {}).value(); }

TEST(Analyse, FindsWhatNobodyReaches) {
  EXPECT_THAT(Analysed({"host all all all reject", "host all all 10.0.0.0/8 md5"}).shadowed, ElementsAre(1u));
  EXPECT_THAT(Analysed({"host all all 10.0.0.0/8 md5", "host all all all reject"}).shadowed, IsEmpty());
  EXPECT_THAT(Analysed({"local all all peer", "local erp erp md5", "host erp erp all md5"}).shadowed, ElementsAre(1u));
}

TEST(Analyse, PutsSeveralRulesTogether) {
  EXPECT_THAT(Analysed({"hostssl all all all md5", "hostnossl all all all reject", "host all all all md5"}).shadowed,
              ElementsAre(2u));
  EXPECT_THAT(
      Analysed({"host all all 0.0.0.0/1 md5", "host all all 128.0.0.0/1 md5", "host all all 0.0.0.0/0 md5"}).shadowed,
      ElementsAre(2u));
  EXPECT_THAT(Analysed({"host all all 0.0.0.0/0 md5", "host all all all md5"}).shadowed, IsEmpty());  // IPv6 is left
  EXPECT_THAT(Analysed({"host all all 0.0.0.0/0 md5", "host all all ::/0 md5", "host all all all md5"}).shadowed,
              ElementsAre(2u));
  EXPECT_THAT(Analysed({"host all,replication all 0.0.0.0/0 md5", "host all,replication all ::/0 md5",
                        "host all all all md5", "host replication all all md5"})
                  .shadowed,
              ElementsAre(2u, 3u));
}

TEST(Analyse, KeepsReplicationApart) {
  EXPECT_THAT(Analysed({"host all all all md5", "host replication all all md5"}).shadowed, IsEmpty());
  EXPECT_THAT(Analysed({"host replication all all md5", "host replication erp all md5"}).shadowed, ElementsAre(1u));
}

TEST(Analyse, KnowsMembers) {
  EXPECT_THAT(Analysed({"host all +ops all md5", "host all anna all md5"}).shadowed, ElementsAre(1u));
  EXPECT_THAT(Analysed({"host all anna all md5", "host all +ops all md5"}).shadowed, IsEmpty());
  EXPECT_THAT(Analysed({"host all +nobody all md5"}).shadowed, ElementsAre(0u));  // there is no such role
}

TEST(Analyse, KnowsPairsOfUserAndDatabase) {
  EXPECT_THAT(Analysed({"host sameuser all all md5", "host erp erp all md5", "host erp bob all md5"}).shadowed,
              ElementsAre(1u));
  EXPECT_THAT(Analysed({"host samerole all all md5", "host erp bob all md5", "host void void all md5"}).shadowed,
              ElementsAre(1u));
  EXPECT_THAT(Analysed({"host erp,ops erp all md5", "host sameuser erp all md5"}).shadowed, ElementsAre(1u));
  EXPECT_THAT(Analysed({"host sameuser all all md5", "host \"all\" all all md5"}).shadowed, IsEmpty());
}

TEST(Analyse, DoesNotCallARuleUnreachableBehindOneThatMayMatch) {
  EXPECT_THAT(Analysed({"host all all samehost reject", "host all all all md5"}).shadowed, IsEmpty());
  EXPECT_THAT(Analysed({"host all /x all reject", "host all all all md5"}).shadowed, IsEmpty());
}

struct Path {
  std::size_t rule;
  Network network;
  bool certain;
  bool operator==(const Path&) const = default;
};

std::vector<Path> PlaintextOf(const std::vector<std::string>& lines) {
  std::vector<Path> paths;
  for (const PlaintextPath& path : Analysed(lines).plaintext) paths.push_back({path.rule, path.network, path.certain});
  return paths;
}

TEST(Analyse, FindsThePlaintextThatIsAdmitted) {
  EXPECT_THAT(PlaintextOf({"local all all trust", "hostssl all all all md5", "hostgssenc all all all gss"}), IsEmpty());
  EXPECT_THAT(PlaintextOf({"host all all 10.0.0.0/8 md5"}), ElementsAre(Path{0, Network::kRemote, true}));
  EXPECT_THAT(PlaintextOf({"hostnossl all all 127.0.0.1/32 md5"}), ElementsAre(Path{0, Network::kLoopback, true}));
  EXPECT_THAT(PlaintextOf({"hostnogssenc all all ::1/128 md5"}), ElementsAre(Path{0, Network::kLoopback, true}));
  EXPECT_THAT(PlaintextOf({"host all all localhost md5"}), ElementsAre(Path{0, Network::kLoopback, false}));
  EXPECT_THAT(PlaintextOf({"host all all all md5"}),
              ElementsAre(Path{0, Network::kLoopback, true}, Path{0, Network::kRemote, true}));
}

TEST(Analyse, KnowsThatARejectionStopsPlaintext) {
  EXPECT_THAT(PlaintextOf({"hostnossl all all all reject", "host all all all md5"}), IsEmpty());
  // "all" is no replication.
  EXPECT_THAT(PlaintextOf({"hostnossl all all all reject", "host all,replication all all md5"}),
              ElementsAre(Path{1, Network::kLoopback, true}, Path{1, Network::kRemote, true}));
  EXPECT_THAT(PlaintextOf({"hostnossl all,replication all all reject", "host all,replication all all md5"}), IsEmpty());
  EXPECT_THAT(PlaintextOf({"hostnossl all,replication all samenet reject", "host all all 10.0.0.0/8 md5"}),
              ElementsAre(Path{1, Network::kRemote, false}));
}

// Which rule admits is one question, whether one does another.
TEST(Analyse, KnowsThatPlaintextIsAdmittedWhereTheRuleIsNotKnown) {
  const Path certain{1, Network::kRemote, true};
  const Path possible{0, Network::kRemote, false};
  for (const char* first : {"web1.example.com", ".example.com", "samenet", "samehost"}) {
    SCOPED_TRACE(first);
    const std::string may = std::string("host all all ") + first;
    EXPECT_THAT(PlaintextOf({may + " md5", "host all all 10.0.0.0/8 md5"}), Contains(certain));
    EXPECT_THAT(PlaintextOf({may + " md5", "host all all 10.0.0.0/8 md5"}), Contains(possible));
    EXPECT_THAT(PlaintextOf({may + " md5", "host all all all reject"}),
                AllOf(Contains(possible), Not(Contains(testing::Field(&Path::certain, true)))));
    EXPECT_THAT(PlaintextOf({may + " reject", "host all all 10.0.0.0/8 md5"}),
                ElementsAre(Path{1, Network::kRemote, false}));
    EXPECT_THAT(PlaintextOf({may + " reject", "host all all all reject"}), IsEmpty());
    EXPECT_THAT(PlaintextOf({may + " md5", may + " reject", "host all all 10.0.0.0/8 md5"}),
                AllOf(Contains(possible), Not(Contains(testing::Field(&Path::certain, true)))));
  }
  // A regular expression over names that nobody asked about.
  EXPECT_THAT(PlaintextOf({"host all /x 10.0.0.0/8 md5", "host all all 10.0.0.0/8 md5"}),
              ElementsAre(possible, certain));
}

TEST(Analyse, TellsARuleForNobodyFromOneThatComesTooLate) {
  const Analysis analysis =
      Analysed({"hostssl all +admins all md5", "host all all all md5", "host all erp all md5",
                "host all +admins all md5", "host all nobody all md5", "local void,sameuser,samerole erp md5"});
  EXPECT_THAT(analysis.shadowed, ElementsAre(0u, 2u, 3u, 4u));
  EXPECT_THAT(analysis.for_nobody, ElementsAre(0u, 3u));
}

TEST(Analyse, JudgesMasksThatAreNoPrefix) {
  const auto mask = [](const std::string& mask, const char* method) {
    return "host all all " + mask + " " + mask + " " + method;
  };
  EXPECT_THAT(PlaintextOf({mask("8.0.0.8", "md5")}),
              ElementsAre(Path{0, Network::kLoopback, true}, Path{0, Network::kRemote, true}));
  // 8.8.8.8 is among those that the first rule takes, 8.0.0.1 is not.
  EXPECT_THAT(PlaintextOf({mask("8.0.0.8", "reject"), "host all all 8.8.8.8/32 md5"}), IsEmpty());
  EXPECT_THAT(PlaintextOf({mask("8.0.0.8", "reject"), "host all all 8.0.0.1/32 md5"}),
              ElementsAre(Path{1, Network::kRemote, true}));
  EXPECT_THAT(Analysed({mask("8.0.0.8", "md5"), "host all all 8.0.0.8/29 md5"}).shadowed, ElementsAre(1u));
  EXPECT_THAT(
      Analysed({mask("0.0.0.1", "md5"), "host all all 0.0.0.0 0.0.0.1 md5", "host all all 0.0.0.0/0 md5"}).shadowed,
      ElementsAre(2u));
  EXPECT_THAT(
      Analysed({mask("::1:0:0:1", "md5"), "host all all ::1:ffff:ffff:0/97 md5", "host all all ::1:0:0:1/128 md5"})
          .shadowed,
      ElementsAre(2u));
}

TEST(Analyse, GivesAConnectionAsEvidence) {
  const Analysis analysis = Analysed({"host all,replication all 0.0.0.0/0 reject", "host erp anna fe80::/10 md5"});
  ASSERT_EQ(analysis.plaintext.size(), 1u);
  EXPECT_EQ(analysis.plaintext[0].user, "anna");
  EXPECT_EQ(analysis.plaintext[0].database, "erp");
  EXPECT_EQ(analysis.plaintext[0].address->ToString(), "fe80::");
}

// Each as a superuser.
Catalog WithPrivileged(const std::vector<std::string>& names) {
  const Catalog cluster = Cluster();
  std::vector<PrivilegedRole> roles;
  for (const std::string& name : names) roles.push_back({.name = name, .superuser = true});
  return {cluster.roles(),
          {{"anna", "ops"}, {"ops", "staff"}, {"bob", "erp"}},
          cluster.databases(),
          PrivilegedRolesOf(std::move(roles))};
}

// "anna 0 certain": by which rule.
std::vector<std::string> PrivilegedOf(const std::vector<std::string>& lines, const std::vector<std::string>& names) {
  std::vector<std::string> paths;
  for (const PlaintextPath& path : Analyse(Rules(lines), WithPrivileged(names), {})->privileged) {
    EXPECT_EQ(path.network, Network::kRemote);
    paths.push_back(fmt::format("{} {}{}", path.user.value_or("?"), path.rule, path.certain ? " certain" : ""));
  }
  return paths;
}

TEST(Analyse, NamesThePrivilegedRolesThatComeInUnencrypted) {
  EXPECT_THAT(PrivilegedOf({"host all anna 10.0.0.0/8 md5"}, {"anna", "bob"}), ElementsAre("anna 0 certain"));
  EXPECT_THAT(PrivilegedOf({"host all anna 127.0.0.0/8 md5", "hostssl all all all md5"}, {"anna"}), IsEmpty());
  EXPECT_THAT(PrivilegedOf({"hostnossl all,replication anna all reject", "host all all all md5"}, {"anna", "bob"}),
              ElementsAre("bob 1 certain"));
  EXPECT_THAT(PrivilegedOf({"hostnossl all anna all reject", "host all,replication all all md5"}, {"anna"}),
              ElementsAre("anna 1 certain"))
      << "replication is left";
  EXPECT_THAT(PrivilegedOf({"host erp +ops all md5", "host sameuser bob all md5"}, {"anna", "bob"}),
              ElementsAre("anna 0 certain", "bob 1 certain"));
  EXPECT_THAT(PrivilegedOf({"host all anna samenet md5"}, {"anna"}), ElementsAre("anna 0"));
  EXPECT_THAT(PrivilegedOf({"host all anna samenet md5", "host erp anna 10.0.0.0/8 md5"}, {"anna"}),
              ElementsAre("anna 1 certain"));
  EXPECT_THAT(PrivilegedOf({"host all all all md5"}, {}), IsEmpty());
}

TEST(Analyse, KnowsNothingPastItsLimits) {
  std::vector<std::string> masks;
  for (int i = 0; i < 8; ++i) {
    const std::string mask = fmt::format("{}.{}.{}.{}", 1 << i, 1 << i, 1 << i, 1 << i);
    masks.push_back(fmt::format("host all all {} {} md5", mask, mask));
  }
  EXPECT_EQ(Analyse(Rules(masks), Cluster(), {}), std::nullopt);
  const RuleSet small = Rules({"host erp erp 10.0.0.0/8 md5"});
  EXPECT_TRUE(Analyse(small, Cluster(), {}).has_value());
  EXPECT_EQ(Analyse(small, Cluster(), {}, {.max_ranges = 4}), std::nullopt);
  EXPECT_EQ(Analyse(small, Cluster(), {}, {.max_range_words = 4}), std::nullopt);
  EXPECT_EQ(Analyse(small, Cluster(), {}, {.max_pairs = 3}), std::nullopt);
  EXPECT_EQ(Analyse(small, Cluster(), {}, {.max_work = 3}), std::nullopt);
}

// Every connection of a small world, judged one by one.
struct OneByOne {
  std::set<std::size_t> reached;
  std::set<std::pair<std::size_t, Network>> plaintext;
  std::set<std::string> remote_users;  // users that may come in unencrypted from another machine

  OneByOne(const RuleSet& set, const Catalog& catalog) {
    std::vector<std::optional<IpAddress>> addresses = {std::nullopt};
    for (const std::string_view address : RandomRules::kAddresses) addresses.push_back(IpAddress::Parse(address));
    for (const char* remote : {"10.1.1.1", "8.8.8.1", "8.8.8.8", "fe80::1", "2001:db8::1"}) {
      addresses.push_back(IpAddress::Parse(remote));
    }
    // A database may be named as any user or group is, whether or not it exists.
    std::set<std::string_view> databases = {"staff"};
    databases.insert(std::begin(RandomRules::kDatabases), std::end(RandomRules::kDatabases));
    databases.insert(std::begin(RandomRules::kUsers), std::end(RandomRules::kUsers));
    for (const std::string_view user : RandomRules::kUsers) {
      for (const std::string_view database : databases) {
        for (const auto& address : addresses) {
          for (const Encryption encryption : {Encryption::kNone, Encryption::kTls, Encryption::kGss}) {
            for (const bool replication : {false, true}) {
              Judge({std::string(user), std::string(database), address, encryption, replication}, set, catalog);
            }
          }
        }
      }
    }
  }

 private:
  void Judge(const Connection& connection, const RuleSet& set, const Catalog& catalog) {
    const Verdict verdict = Evaluate(set, connection, catalog, {});
    std::vector<std::size_t> rules = verdict.may_match;
    if (verdict.rule) rules.push_back(*verdict.rule);
    reached.insert(rules.begin(), rules.end());
    if (connection.encryption != Encryption::kNone || !connection.address) return;
    const Network network = connection.address->IsLoopback() ? Network::kLoopback : Network::kRemote;
    for (const std::size_t rule : rules) {
      if (set.rules[rule].rejects()) continue;
      plaintext.insert({rule, network});
      if (network == Network::kRemote) remote_users.insert(connection.user);
    }
  }
};

TEST(Analyse, AgreesWithTheEvaluatorOverRandomRules) {
  constexpr std::uint64_t kSeed = 20261124;
  RandomRules random(kSeed, 150000);  // regular expressions would need a server
  const std::vector<std::string> users(std::begin(RandomRules::kUsers), std::end(RandomRules::kUsers));
  const Catalog catalog = WithPrivileged(users);
  for (std::size_t round = 0; round < 60; ++round) {
    const std::vector<std::string> lines = random.Lines(1 + round % 12);
    SCOPED_TRACE(testing::Message() << "seed " << kSeed << " round " << round << "\n" << testing::PrintToString(lines));
    const RuleSet set = Rules(lines, 150000);
    const auto analysis = Analyse(set, catalog, {});
    ASSERT_TRUE(analysis.has_value());
    const OneByOne expected(set, catalog);

    for (std::size_t rule = 0; rule < set.rules.size(); ++rule) {
      const bool shadowed = std::ranges::find(analysis->shadowed, rule) != analysis->shadowed.end();
      EXPECT_NE(shadowed, expected.reached.contains(rule)) << rule;
    }
    std::set<std::pair<std::size_t, Network>> plaintext;
    for (const PlaintextPath& path : analysis->plaintext) {
      plaintext.insert({path.rule, path.network});
      // Its own example takes it.
      const Connection example{path.user.value_or("another"),
                               path.database.value_or(path.user ? "no database" : "another"), path.address,
                               Encryption::kNone, path.replication};
      const Verdict verdict = Evaluate(set, example, catalog, {});
      const bool may = std::ranges::find(verdict.may_match, path.rule) != verdict.may_match.end();
      const bool decides = verdict.rule == path.rule && verdict.outcome == Verdict::Outcome::kAdmitted;
      EXPECT_TRUE(path.certain ? decides : may || verdict.rule == path.rule) << path.rule;
    }
    EXPECT_EQ(plaintext, expected.plaintext);
    std::set<std::string> remote;
    for (const PlaintextPath& path : analysis->privileged) {
      remote.insert(*path.user);
      const Connection example{*path.user, path.database.value_or("no database"), path.address, Encryption::kNone,
                               path.replication};
      const Verdict verdict = Evaluate(set, example, catalog, {});
      if (path.certain) EXPECT_EQ(verdict.outcome, Verdict::Outcome::kAdmitted);
      EXPECT_NE(verdict.outcome, Verdict::Outcome::kRejected);
    }
    EXPECT_EQ(remote, expected.remote_users);
  }
}

}  // namespace
}  // namespace pgtls::hba
