// The evaluator against the real thing: random pg_hba.conf files, and what servers make of connections under them.
//
// PGTLS_SEED=… repeats a run (the seed is printed), PGTLS_ROUNDS=… makes it longer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "exporter/hba/analysis.h"
#include "exporter/hba/evaluator.h"
#include "tests/exporter/hba/random_rules.h"
#include "tests/support/postgres_server.h"
#include "tests/support/raw_client.h"

namespace pgtls::hba {
namespace {

using support::PostgresServer;
using support::RawClient;
using Outcome = Verdict::Outcome;

constexpr std::size_t kRounds = 20;
constexpr std::size_t kConnectionsPerRound = 30;
constexpr const char* kAdmin = "local all postgres trust\n";

std::uint64_t FromEnvironment(const char* name, std::uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

std::string Literal(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "''" : std::string(1, c);
  return quoted + "'";
}

// What a server says of a connection, as far as pg_hba goes. nullopt: nothing.
std::optional<bool> Admitted(const RawClient& client) {
  switch (client.state()) {
    case RawClient::State::kReady:
    case RawClient::State::kAuthenticationRequested:
      return true;
    case RawClient::State::kRefused:
      if (client.error_sqlstate() == "28000" && client.error_routine() == "ClientAuthentication") return false;
      // The rule asks for a client certificate, and there is no ssl_ca_file.
      if (client.error_sqlstate() == "F0000") return false;
      // A certificate for another user.
      if (client.error_sqlstate() == "28000" && client.error_routine() == "auth_failed") return true;
      // Admitted without a word (trust), and then stopped: no such role or database, no right to log in or to
      // replicate.
      if (client.authentication() == 0) return true;
      return std::nullopt;
    case RawClient::State::kClosed:
      return std::nullopt;
  }
  return std::nullopt;
}

class DifferentialPgTest : public testing::Test {
 protected:
  DifferentialPgTest() : seed_(FromEnvironment("PGTLS_SEED", 20261124)), random_(seed_, server_.major() * 10000) {
    std::cout << "PGTLS_SEED=" << seed_ << '\n';
  }

  void SetUp() override {
    server_.RunSqlFile("deploy/sql/monitoring_role.sql");
    server_.Execute(
        "CREATE ROLE staff; CREATE ROLE erp LOGIN; CREATE ROLE anna LOGIN SUPERUSER; CREATE ROLE bob LOGIN NOINHERIT "
        "REPLICATION;"
        "CREATE ROLE ops LOGIN; CREATE ROLE \"all\" LOGIN; CREATE ROLE \"replication\" LOGIN; CREATE ROLE \"+ops\" "
        "LOGIN;"
        "CREATE ROLE \"/erp\" LOGIN; CREATE ROLE \"a b\" LOGIN;"
        "GRANT ops TO anna; GRANT staff TO ops; GRANT erp TO bob");
    for (const char* database : {"erp", "ops", "all", "sameuser", "replication", "/erp", "a b"}) {
      server_.Execute("CREATE DATABASE \"" + std::string(database) + "\" TEMPLATE template0");
    }
    std::vector<std::string> roles;
    for (const auto& row : server_.Query("SELECT rolname FROM pg_roles")) roles.push_back(*row[0]);
    std::vector<Catalog::Membership> memberships;
    for (const auto& row : server_.Query("SELECT m.rolname, g.rolname FROM pg_auth_members a JOIN pg_roles m ON "
                                         "m.oid = a.member JOIN pg_roles g ON g.oid = a.roleid")) {
      memberships.push_back({*row[0], *row[1]});
    }
    std::set<std::string> databases;
    for (const auto& row : server_.Query("SELECT datname FROM pg_database")) databases.insert(*row[0]);
    catalog_ = Catalog(std::move(roles), std::move(memberships), std::move(databases));
  }

  // Writes the lines and returns the rules that the server shows of them, once they are in force.
  RuleSet Load(const std::vector<std::string>& lines) {
    std::string text = kAdmin;
    for (const std::string& line : lines) text += line + '\n';
    // The file is a link that leads to another file each time.
    const std::string name = "hba." + std::to_string(++loads_ % 2);
    server_.WriteDataFile(name, text);
    std::filesystem::remove(server_.data_dir() + "/pg_hba.conf");
    std::filesystem::create_symlink(name, server_.data_dir() + "/pg_hba.conf");
    server_.Reload();
    std::vector<FileRow> rows;
    for (const auto& row :
         server_.Query("SELECT file, line_number, type, databases, users, address, netmask, auth_method, "
                       "clientcert, error, convert_from(raw, 'UTF8') FROM tls_exporter.hba_rules() "
                       "ORDER BY ordinality")) {
      FileRow& rule = rows.emplace_back();
      rule.file = *row[0];
      rule.line = std::stoi(*row[1]);
      rule.type = row[2];
      if (row[3]) rule.databases = Split(*row[3]);
      if (row[4]) rule.users = Split(*row[4]);
      rule.address = row[5];
      rule.netmask = row[6];
      rule.method = row[7];
      rule.client_cert = row[8].value_or("");
      rule.error = row[9];
      rule.raw = row[10];
    }
    return ParseRules(rows, server_.major() * 10000);
  }

  // In force with the next Load().
  Abilities Settings(bool tls, bool client_ca) {
    server_.Set(std::string("ssl = ") + (tls ? "on" : "off"));
    server_.Set(std::string("ssl_ca_file = ") + (client_ca ? "'root.crt'" : "''"));
    return {.tls = tls, .client_certificates = client_ca};
  }

  // The server's answers over all names of the world.
  RegexAnswers Ask(const RuleSet& set) {
    RegexAnswers answers;
    std::set<std::string> patterns;
    for (const Rule& rule : set.rules) {
      for (const auto* names : {&rule.databases, &rule.users}) {
        for (const NameMatch& match : *names) {
          if (match.kind == NameMatch::Kind::kRegex) patterns.insert(match.text);
        }
      }
    }
    std::set<std::string> names(std::begin(RandomRules::kUsers), std::end(RandomRules::kUsers));
    names.insert(std::begin(RandomRules::kDatabases), std::end(RandomRules::kDatabases));
    for (const std::string& name : names) answers.AddName(name);
    for (const std::string& pattern : patterns) {
      answers.AddPattern(pattern);
      std::string values;
      for (const std::string& name : names) values += (values.empty() ? "(" : ", (") + Literal(name) + ")";
      for (const auto& row : server_.Query("SELECT n FROM (VALUES " + values + ") v(n) WHERE n ~ " + Literal(pattern) +
                                           " COLLATE \"C\"")) {
        answers.AddMatch(pattern, *row[0]);
      }
    }
    return answers;
  }

  Connection Random() {
    Connection connection = {.user = random_.User(), .database = random_.Database()};
    if (!random_.Chance(10)) connection.address = IpAddress::Parse(random_.Address());
    if (connection.address && random_.Chance(40)) connection.encryption = Encryption::kTls;
    connection.replication = random_.Chance(10);
    connection.client_certificate = connection.encryption == Encryption::kTls && random_.Chance(40);
    return connection;
  }

  std::unique_ptr<RawClient> Connect(const Connection& connection) {
    support::RawOptions options = {.port = server_.port(), .user = connection.user, .database = connection.database};
    options.host = server_.socket_dir();
    if (connection.address) {
      options.host = connection.address->is_v4() ? "127.0.0.1" : "::1";
      options.source = connection.address->ToString();
    }
    if (connection.replication) options.replication = "true";
    options.tls = connection.encryption == Encryption::kTls;
    if (connection.client_certificate) {
      options.tls_options.certificate = client_.chain;
      options.tls_options.key = client_.key;
    }
    options.stop_at_authentication = true;
    return std::make_unique<RawClient>(std::move(options));
  }

  // Connections that the analysis gives as examples of plaintext that is admitted for certain. Returns how many.
  std::size_t CheckCertainPlaintext(const Analysis& analysis) {
    std::size_t checked = 0;
    for (const PlaintextPath& path : analysis.plaintext) {
      if (!path.certain || path.network != Network::kLoopback || !path.address) continue;
      const auto last = path.address->bytes()[path.address->is_v4() ? 3 : 15];
      if (last == 0 || last == 255) continue;  // no address to come from
      if (!path.address->is_v4() && path.address->ToString() != "::1") continue;
      Connection connection = {.user = path.user.value_or("nobody else"),
                               .database = path.database.value_or("no such database"),
                               .address = path.address};
      connection.replication = path.replication;
      const auto admitted = Admitted(*Connect(connection));
      if (!admitted) continue;
      EXPECT_TRUE(*admitted) << Describe(connection) << " by rule " << path.rule;
      ++checked;
    }
    return checked;
  }

  static std::string Describe(const Connection& connection) {
    return "user " + connection.user + " database " + connection.database + " from " +
           (connection.address ? connection.address->ToString() : "the socket") +
           (connection.encryption == Encryption::kTls ? " tls" : "") + (connection.replication ? " replication" : "") +
           (connection.client_certificate ? " certificate" : "");
  }

  static std::vector<std::string> Split(const std::string& text) {
    std::vector<std::string> words(1);
    for (const char c : text) {
      if (c == '\n') {
        words.emplace_back();
      } else {
        words.back() += c;
      }
    }
    return words;
  }

  static bool MayOnlyByAddress(const RuleSet& set, const Verdict& verdict) {
    using Kind = AddressMatch::Kind;
    return std::ranges::all_of(verdict.may_match, [&](std::size_t rule) {
      const Kind kind = set.rules[rule].address.kind;
      return kind == Kind::kSameHost || kind == Kind::kSameNet || kind == Kind::kHostName;
    });
  }

  support::TestCa ca_;
  support::Certificate client_ = ca_.Issue({.common_name = "erp"});
  PostgresServer server_{{.hba = kAdmin,
                          // Room for the connections that the server has not seen end yet.
                          .settings = {"max_connections = 300", "max_wal_senders = 20"},
                          .tls = support::ServerTls{.server = ca_.IssueForLocalhost(), .client_ca = ca_.certificate()},
                          .environment = {{"RES_OPTIONS", "timeout:1 attempts:1"}}}};
  std::uint64_t seed_;
  RandomRules random_;
  int loads_ = 0;
  Catalog catalog_;
};

TEST_F(DifferentialPgTest, AgreesWithTheServer) {
  const std::size_t rounds = FromEnvironment("PGTLS_ROUNDS", kRounds);
  std::size_t decided = 0;
  std::size_t undecided = 0;
  std::size_t silent = 0;
  std::size_t certain = 0;  // examples of plaintext that is admitted for certain
  for (std::size_t round = 0; round < rounds; ++round) {
    const std::vector<std::string> lines = random_.Lines(1 + round % 10);
    SCOPED_TRACE(testing::Message() << "PGTLS_SEED=" << seed_ << " round " << round << "\n"
                                    << testing::PrintToString(lines));
    const Abilities abilities = Settings(!random_.Chance(15), !random_.Chance(25));
    const RuleSet set = Load(lines);
    // The server takes every line, and its words are known.
    ASSERT_TRUE(set.loadable()) << (set.errors.empty() ? "" : set.errors.front().message);
    ASSERT_EQ(set.rules.size(), lines.size() + 1);
    EXPECT_FALSE(set.assumed());
    const RegexAnswers regexes = Ask(set);
    const auto analysis = Analyse(set, catalog_, regexes);

    for (std::size_t i = 0; i < kConnectionsPerRound; ++i) {
      const Connection connection = Random();
      const Verdict verdict = Evaluate(set, connection, catalog_, regexes, abilities);
      if (connection.encryption == Encryption::kTls && abilities.tls == false) {
        EXPECT_TRUE(verdict.tls_is_off);
        EXPECT_THROW(Connect(connection), std::runtime_error);
        continue;
      }
      EXPECT_TRUE(MayOnlyByAddress(set, verdict)) << Describe(connection);
      if (analysis) {
        for (const std::size_t shadowed : analysis->shadowed) {
          EXPECT_NE(verdict.rule, shadowed) << "decided by a rule that nobody should reach: " << Describe(connection);
        }
      }
      const std::optional<bool> admitted = Admitted(*Connect(connection));
      if (!admitted) {
        ++silent;
        continue;
      }
      if (analysis && *admitted && connection.address && connection.encryption == Encryption::kNone) {
        EXPECT_TRUE(analysis->PlaintextAdmitted(Network::kLoopback)) << Describe(connection);
      }
      if (verdict.outcome == Outcome::kUndecided) {
        ++undecided;
        continue;
      }
      ++decided;
      EXPECT_EQ(verdict.outcome == Outcome::kAdmitted, *admitted) << Describe(connection);
    }
    if (analysis) certain += CheckCertainPlaintext(*analysis);
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_GT(certain, rounds / 4);
  std::cout << rounds << " files: " << decided << " connections decided, " << undecided << " undecided, " << silent
            << " without an answer of pg_hba\n";
  EXPECT_GT(decided, rounds * kConnectionsPerRound / 2);
  EXPECT_LT(silent, rounds * kConnectionsPerRound / 20 + 1);
}

// Which rule decided, told by its method: each rule of a file rejects or asks in its own way, so that a rule that was
// called unreachable and was not shows itself.
TEST_F(DifferentialPgTest, NeverSeesAShadowedRuleDecide) {
  const std::size_t rounds = FromEnvironment("PGTLS_ROUNDS", kRounds) / 3 + 1;
  std::size_t shadowed_rules = 0;
  for (std::size_t round = 0; round < rounds; ++round) {
    // Rules that take much, in the middle of others.
    std::vector<std::string> lines = random_.Lines(8);
    lines[2] = random_.Chance(50) ? "hostssl all all 127.0.0.0/8 md5" : "host all +ops,ghost all md5";
    lines[4] = random_.Chance(50) ? "hostnossl all,replication all all md5" : "host all all 127.0.0.0/16 reject";
    RuleSet set = Load(lines);
    const auto analysis = Analyse(set, catalog_, Ask(set));
    if (!analysis || analysis->shadowed.empty()) continue;
    // The shadowed rules ask for a cleartext password (3), all others for SCRAM (10) or reject.
    const std::set<std::size_t> shadowed(analysis->shadowed.begin(), analysis->shadowed.end());
    shadowed_rules += shadowed.size();
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const std::string wanted = shadowed.contains(i + 1) ? "password" : "scram-sha-256";
      const std::string method = set.rules[i + 1].method;
      lines[i] = lines[i].substr(0, lines[i].find(" # "));
      const auto at = lines[i].rfind(" " + method);
      ASSERT_NE(at, std::string::npos) << lines[i];
      if (shadowed.contains(i + 1) || method != "reject") lines[i].replace(at + 1, method.size(), wanted);
    }
    SCOPED_TRACE(testing::Message() << "PGTLS_SEED=" << seed_ << " round " << round << "\n"
                                    << testing::PrintToString(lines));
    set = Load(lines);
    ASSERT_TRUE(set.loadable());
    for (std::size_t i = 0; i < kConnectionsPerRound; ++i) {
      const Connection connection = Random();
      EXPECT_NE(Connect(connection)->authentication(), 3) << Describe(connection);
    }
    ASSERT_FALSE(HasFailure());
  }
  std::cout << shadowed_rules << " shadowed rules in " << rounds << " files\n";
  EXPECT_GT(shadowed_rules, rounds / 2);
}

}  // namespace
}  // namespace pgtls::hba
