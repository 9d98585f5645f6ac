// The hba collector on real servers: what may come in, and what is in force.
#include "collectors/hba.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "collectors/sessions.h"
#include "exporter/hba/posture.h"
#include "tests/collectors/harness.h"
#include "tests/support/postgres_server.h"
#include "tests/support/raw_client.h"

namespace pgtls::collectors {
namespace {

using support::PostgresServer;
using support::RawClient;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kRoleFile = "deploy/sql/monitoring_role.sql";
constexpr const char* kLocal = "local all,replication all trust\n";

std::vector<std::string> Parts(const sampling::Output& output) {
  std::vector<std::string> parts;
  parts.reserve(output.incomplete.size());
  for (const auto& part : output.incomplete) parts.push_back(part.part + " " + part.reason);
  return parts;
}

class HbaPgTest : public testing::Test {
 protected:
  void SetUp() override { server_.RunSqlFile(kRoleFile); }

  void Load(const std::string& hba) {
    server_.SetHba(kLocal + hba);
    server_.Reload();
  }
  // Over the Unix socket and on a fresh connection.
  void Connect(const std::string& user = "tls_exporter") {
    harness_.Connect(server_.SocketConninfo("user=" + user));
    harness_.peer = db::Peer{.host = server_.socket_dir()};
    harness_.facts = harness_.FactsOf(SessionsCollector());
  }
  std::string Page() {
    Connect();
    return harness_.CollectPage();
  }
  std::shared_ptr<const hba::Posture> Posture() {
    Connect();
    return harness_.Collect().facts.Get<hba::Posture>();
  }
  // pg_stat_file knows whole seconds only: what is written now was written in a later one than `file`.
  void LetASecondPass() const {
    // The time of a file may be some milliseconds behind the clock.
    const std::string now = "SELECT floor(extract(epoch FROM clock_timestamp()))";
    const std::string past = "SELECT floor(extract(epoch FROM clock_timestamp()) - 0.1) > " + *server_.Query(now)[0][0];
    ASSERT_TRUE(support::WaitUntil([&] { return server_.Query(past)[0][0] == "t"; }));
  }
  std::string Where(int line) const {
    return "file=\"" + server_.data_dir() + "/pg_hba.conf\",line=\"" + std::to_string(line) + "\"";
  }

  support::TestCa ca_;
  PostgresServer server_{{.tls = support::ServerTls{.server = ca_.IssueForLocalhost()}}};
  Harness harness_{HbaCollector()};
};

TEST_F(HbaPgTest, TellsTheRulesAndWhatTheyAdmit) {
  Load(
      "hostssl all all 0.0.0.0/0 scram-sha-256\n"
      "hostnossl all erp 127.0.0.2/32 trust\n"
      "host erp erp 127.0.0.2/32 trust\n");
  const std::string page = Page();
  EXPECT_THAT(page,
              AllOf(HasSubstr("pg_tls_hba_rules{server=\"db\",type=\"hostssl\",auth_method=\"scram-sha-256\"} 1\n"),
                    HasSubstr("pg_tls_hba_rules{server=\"db\",type=\"local\",auth_method=\"trust\"} 1\n"),
                    HasSubstr("pg_tls_hba_rule_errors{server=\"db\"} 0\n"),
                    HasSubstr("pg_tls_hba_plaintext_admitted{server=\"db\",network=\"loopback\"} 1\n"),
                    HasSubstr("pg_tls_hba_plaintext_admitted{server=\"db\",network=\"remote\"} 0\n"),
                    HasSubstr("pg_tls_hba_plaintext_rule_info{server=\"db\"," + Where(3) +
                              ",type=\"hostnossl\",database=\"all\",user=\"erp\",address=\"127.0.0.2/32\","
                              "auth_method=\"trust\",certainty=\"certain\"} 1\n"),
                    HasSubstr("pg_tls_hba_shadowed_rules{server=\"db\"} 1\n"),
                    HasSubstr("pg_tls_hba_pending_reload{server=\"db\"} 0\n")));
  EXPECT_THAT(page, Not(HasSubstr("line=\"4\"")));
  EXPECT_THAT(Parts(harness_.Collect()), IsEmpty());
}

TEST_F(HbaPgTest, TellsWhoComesInByWhichRule) {
  server_.Execute("CREATE ROLE erp LOGIN");
  Load(
      "hostssl all all 127.0.0.0/8 trust\n"
      "host all erp 127.0.0.2/32 trust\n"
      "host all all samehost trust\n"
      "host all all 127.0.0.0/8 trust\n");
  const RawClient plain({.port = server_.port(), .source = "127.0.0.2", .user = "erp"});
  const RawClient again({.port = server_.port(), .source = "127.0.0.2", .user = "erp"});
  const RawClient undecided({.port = server_.port(), .source = "127.0.0.3", .user = "erp"});
  const RawClient tls({.port = server_.port(), .source = "127.0.0.2", .user = "erp", .tls = true});
  ASSERT_EQ(undecided.state(), RawClient::State::kReady);
  const std::string page = Page();
  EXPECT_THAT(page,
              AllOf(HasSubstr("pg_tls_hba_rule_connections{server=\"db\"," + Where(2) + ",encryption=\"tls\"} 1\n"),
                    HasSubstr("pg_tls_hba_rule_connections{server=\"db\"," + Where(3) + ",encryption=\"none\"} 2\n"),
                    HasSubstr("pg_tls_hba_plaintext_connections{server=\"db\"," + Where(3) +
                              ",database=\"postgres\",user=\"erp\",client_addr=\"127.0.0.2\"} 2\n"),
                    HasSubstr("pg_tls_hba_plaintext_connections{server=\"db\",file=\"\",line=\"\","
                              "database=\"postgres\",user=\"erp\",client_addr=\"127.0.0.3\"} 1\n")));
  EXPECT_THAT(page, Not(HasSubstr(Where(1))));  // the exporter's own
}

TEST_F(HbaPgTest, SaysNeitherYesNorNoWhileAStricterFileWaits) {
  Load("host all all 127.0.0.0/8 trust\nhostssl all all 0.0.0.0/0 trust\n");
  EXPECT_THAT(Page(), HasSubstr("pg_tls_hba_plaintext_admitted{server=\"db\",network=\"loopback\"} 1\n"));
  LetASecondPass();
  server_.SetHba(std::string(kLocal) + "hostssl all all 0.0.0.0/0 trust\n");
  std::string page = Page();
  EXPECT_THAT(page, AllOf(HasSubstr("pg_tls_hba_pending_reload{server=\"db\"} 1\n"),
                          HasSubstr("pg_tls_hba_plaintext_admitted{server=\"db\",network=\"loopback\"} 1\n"),
                          HasSubstr("pg_tls_hba_plaintext_rule_info{server=\"db\"," + Where(2)),
                          Not(HasSubstr("plaintext_admitted{server=\"db\",network=\"remote\""))));
  // Another exporter, which never saw the rules in force.
  Harness stranger{HbaCollector()};
  stranger.Connect(server_.SocketConninfo("user=tls_exporter"));
  stranger.facts = stranger.FactsOf(SessionsCollector());
  EXPECT_THAT(stranger.CollectPage(), AllOf(Not(HasSubstr("plaintext_admitted")), Not(HasSubstr("plaintext_certain"))));
  EXPECT_THAT(Parts(stranger.Collect()), ElementsAre("rules_in_force reload_pending"));
  server_.Reload();
  page = Page();
  EXPECT_THAT(page, AllOf(HasSubstr("pg_tls_hba_pending_reload{server=\"db\"} 0\n"),
                          HasSubstr("pg_tls_hba_plaintext_admitted{server=\"db\",network=\"loopback\"} 0\n")));
}

TEST_F(HbaPgTest, KeepsToTheRulesInForceThroughARefusedReload) {
  Load("host all all 127.0.0.0/8 trust\n");
  Page();
  LetASecondPass();
  server_.SetHba(std::string(kLocal) + "hostssl all all 0.0.0.0/0 trust\nhots all all all trust\n");
  server_.Reload();
  const std::string page = Page();
  EXPECT_THAT(page, AllOf(HasSubstr("pg_tls_hba_rule_errors{server=\"db\"} 1\n"),
                          HasSubstr("pg_tls_hba_pending_reload{server=\"db\"} 1\n"),
                          HasSubstr("pg_tls_hba_plaintext_admitted{server=\"db\",network=\"loopback\"} 1\n"),
                          Not(HasSubstr("plaintext_admitted{server=\"db\",network=\"remote\""))));
  // And so it is.
  const RawClient plain({.port = server_.port()});
  EXPECT_EQ(plain.state(), RawClient::State::kReady);
}

TEST_F(HbaPgTest, TakesARemarkForNoError) {
  server_.Set("ssl = off");
  Load("hostssl all all 0.0.0.0/0 trust\n");
  EXPECT_THAT(Page(), AllOf(HasSubstr("pg_tls_hba_rule_errors{server=\"db\"} 0\n"),
                            HasSubstr("pg_tls_hba_pending_reload{server=\"db\"} 0\n"), HasSubstr("type=\"hostssl\"")));
}

// What a server makes of bytes that are no text, and that the collector says the same.
TEST_F(HbaPgTest, ReadsFilesThatAreNoText) {
  using namespace std::string_literals;
  struct Case {
    const char* what;
    std::string text;
    std::size_t rules;  // beside the line of kLocal
    std::size_t errors;
  };
  const std::string rule = "host all all 127.0.0.1/32 md5";
  const std::string wide = "h\0o\0s\0t\0 \0a\0l\0l\0\r\0\n\0"s;
  const Case cases[] = {
      {"NUL in a comment", "# a\0b\n"s + rule + "\n" + rule + "\n", 1, 0},
      {"NUL in a rule", "host all al\0l 127.0.0.1/32 md5\n"s, 0, 1},
      {"NUL behind a rule", rule + "\0 x\n"s + rule + "\n", 0, 1},
      {"NUL at the end", rule + "\n\0"s, 1, 0},
      {"UTF-16", wide, 0, 1},
      {"UTF-16 with a byte order mark", "\xff\xfe"s + wide, 0, 1},
      {"Latin-1 in a comment", "# caf\xe9\n" + rule + "\n", 1, 0},
      {"Latin-1 in a name", "host all \"caf\xe9\",all 127.0.0.1/32 md5\n", 1, 0},
      {"Latin-1 in an error", "caf\xe9\n", 0, 1},
      {"backslashes", "host all \\\\000,\"a\\\" 127.0.0.1/32 \\\r\nmd5\n", 1, 0},
      {"line ends of DOS", rule + "\r\n" + rule + "\r\n", 2, 0},
      {"line ends of old Macs", rule + "\r" + rule + "\r", 0, 1},
      {"a long line", "host all " + std::string(20000, 'a').append(",b 127.0.0.1/32 md5\n"),
       server_.major() >= 16 ? 1u : 0u, server_.major() >= 16 ? 0u : 1u},
  };
  for (const Case& one : cases) {
    for (const char* user : {"tls_exporter", "postgres"}) {
      SCOPED_TRACE(testing::Message() << one.what << " as " << user);
      const std::size_t log = server_.LogSize();
      Load(one.text);
      if (one.errors > 0) {
        EXPECT_TRUE(server_.WaitForLog("was not reloaded", log));
      } else {
        EXPECT_EQ(server_.Log(log).find("was not reloaded"), std::string::npos);
      }
      Connect(user);
      const sampling::Output output = harness_.Collect();
      EXPECT_THAT(Parts(output), IsEmpty());
      const auto posture = output.facts.Get<hba::Posture>();
      EXPECT_EQ(posture->file->rules.size(), 1 + one.rules);
      EXPECT_EQ(posture->file->errors.size(), one.errors);
      EXPECT_FALSE(posture->file->assumed());
      EXPECT_EQ(posture->next_start_loads_file(), one.errors == 0);
    }
  }
  Load("host all \"a\\\",\"all\" 127.0.0.1/32 md5\n");
  EXPECT_EQ(RuleText(Posture()->file->rules.at(1)), "host all \"a\\\",\"all\" 127.0.0.1/32 md5");
}

// A file that PostgreSQL refuses as a whole: no row says so, and the next start fails.
TEST_F(HbaPgTest, CountsAFileWithoutEntriesAsRefused) {
  std::vector<std::string> texts = {"", "# nothing\n\n \t\r\n", std::string("\0\n", 2)};
  if (server_.major() >= 16) {
    server_.WriteDataFile("empty.conf", "# nothing\n");
    texts.insert(texts.end(), {"include_dir global\n", "include empty.conf\n", "include_if_exists none.conf\n"});
  }
  for (const std::string& text : texts) {
    SCOPED_TRACE(text);
    server_.SetHba(text);
    const std::size_t log = server_.LogSize();
    server_.Reload();
    EXPECT_TRUE(server_.WaitForLog("contains no entries", log));
    EXPECT_THAT(Page(), AllOf(HasSubstr("pg_tls_hba_rule_errors{server=\"db\"} 1\n"),
                              HasSubstr("pg_tls_hba_pending_reload{server=\"db\"} 1\n")));
    const auto posture = Posture();
    EXPECT_FALSE(posture->next_start_loads_file());
    EXPECT_THAT(ErrorText(posture->file->errors.at(0)), AllOf(HasSubstr("/pg_hba.conf: "), HasSubstr("no entries")));
  }
  EXPECT_THROW(server_.Restart(), std::runtime_error);
}

TEST_F(HbaPgTest, CountsAFileThatTheServerCannotReadAsRefused) {
  for (const char* user : {"tls_exporter", "postgres"}) {
    SCOPED_TRACE(user);
    support::MustRun({"chmod", "000", server_.data_dir() + "/pg_hba.conf"});
    Connect(user);
    for (const char* problem : {"Permission denied", "No such file"}) {
      const sampling::Output output = harness_.Collect();
      const auto posture = output.facts.Get<hba::Posture>();
      ASSERT_TRUE(posture);
      EXPECT_FALSE(posture->next_start_loads_file());
      EXPECT_THAT(ErrorText(posture->file->errors.at(0)), HasSubstr(problem));
      EXPECT_EQ(posture->in_force.pending, true);
      support::MustRun({"rm", "-f", server_.data_dir() + "/pg_hba.conf"});
    }
    server_.SetHba(kLocal);
  }
}

TEST_F(HbaPgTest, SaysWhyALineIsRefused) {
  const auto error = [&](const std::string& line) {
    server_.SetHba(kLocal + line + "\n");
    const auto errors = Posture()->file->errors;
    return errors.size() == 1 ? errors[0].message : "errors: " + std::to_string(errors.size());
  };
  EXPECT_EQ(error("host all all 127.0.0.1/32 sspi"),
            "invalid authentication method \"sspi\": not supported by this build");
  EXPECT_THAT(error("host all all 127.0.0.1 255.0.0.x md5"),
              HasSubstr("invalid IP mask \"255.0.0.x\": Name or service"));
  EXPECT_THAT(error("host all @none 127.0.0.1/32 md5"), HasSubstr("none\": No such file or directory"));
  EXPECT_EQ(error("host all all 127.0.0.1/32 md5 clientcerts=1"),
            "unrecognized authentication option name: \"clientcerts\"");
  // A piece of a secret may stand where an option should.
  EXPECT_EQ(error("host all all 127.0.0.1/32 ldap ldapserver=x ldapbasedn=x ldapbindpasswd=a geheim=b"),
            server_.is_debian() ? "unrecognized authentication option name"
                                : "invalid authentication method \"ldap\": not supported by this build");
  EXPECT_EQ(error("host all all 127.0.0.1/32 md5 geheim"), "authentication option not in name=value format");
  // Rows with neither a rule nor a reason, or with a remark in the reason's place.
  for (const bool ssl : {true, false}) {
    server_.Set(ssl ? "ssl = on" : "ssl = off");
    server_.Reload();
    EXPECT_THAT(error("hostssl all all all md5 clientcert=1"), HasSubstr("server's log")) << server_.major();
    EXPECT_THAT(error("hostssl all all all cert clientname=XX"), HasSubstr("server's log"));
  }
  EXPECT_THAT(error("host all all all radius radiusservers=none.invalid radiussecrets=geheim"),
              HasSubstr(server_.major() < 19 ? "server's log" : "invalid authentication method \"radius\""));
}

// Rules that ask for client certificates without an ssl_ca_file refuse everybody, and TLS there is none with ssl = off.
TEST_F(HbaPgTest, KnowsTheSettingsThatRulesNeed) {
  const support::Certificate client = ca_.Issue({.common_name = "postgres"});
  const auto connect = [&] {
    support::RawOptions options = {.port = server_.port(), .tls = true};
    options.tls_options.certificate = client.chain;
    options.tls_options.key = client.key;
    return RawClient(std::move(options));
  };
  server_.WriteDataFile("root.crt", ca_.certificate());
  const hba::Connection connection = {.user = "postgres",
                                      .database = "postgres",
                                      .address = IpAddress::Parse("127.0.0.1"),
                                      .encryption = Encryption::kTls,
                                      .client_certificate = true};
  const auto admitted = [&] {
    const auto posture = Posture();
    return Evaluate(*posture->file, connection, posture->catalog, posture->regexes, posture->abilities).outcome ==
           hba::Verdict::Outcome::kAdmitted;
  };
  for (const char* rule :
       {"hostssl all all 127.0.0.0/8 cert\n", "hostssl all all 127.0.0.0/8 trust clientcert=verify-ca\n"}) {
    server_.Set("ssl_ca_file = 'root.crt'");
    Load(rule);
    EXPECT_EQ(connect().state(), RawClient::State::kReady);
    EXPECT_TRUE(admitted());
    server_.Set("ssl_ca_file = ''");
    server_.Reload();
    const RawClient refused = connect();
    EXPECT_EQ(refused.state(), RawClient::State::kRefused);
    EXPECT_EQ(refused.error_sqlstate(), "F0000");
    EXPECT_FALSE(admitted());
  }
  server_.Set("ssl = off");
  Load("host all all 127.0.0.0/8 trust\n");
  EXPECT_EQ(Posture()->abilities.tls, false);
  EXPECT_FALSE(admitted());
}

TEST_F(HbaPgTest, LooksIntoIncludedFiles) {
  server_.WriteDataFile("names", "erp \"all\"\n");
  std::string hba = "host all @names 127.0.0.0/8 trust\n";
  if (server_.major() >= 16) {
    server_.WriteDataFile("more.conf", "host all bob 127.0.0.0/8 trust\n");
    hba += "include more.conf\n";
  }
  Load(hba);
  EXPECT_THAT(Page(), AllOf(HasSubstr("pg_tls_hba_pending_reload{server=\"db\"} 0\n"), HasSubstr("user=\"erp,all\"")));
  LetASecondPass();
  server_.WriteDataFile(server_.major() >= 16 ? "more.conf" : "names", "# nothing\n");
  EXPECT_THAT(Page(), HasSubstr("pg_tls_hba_pending_reload{server=\"db\"} 1\n"));
}

TEST_F(HbaPgTest, KnowsQuotedWordsOnlyFromTheText) {
  Load("host \"all\",\"a \"\"b\"\"\" \"+x\", \\\n  \"all\" 127.0.0.0/8 trust # \"\n");
  const auto posture = Posture();
  ASSERT_EQ(posture->file->rules.size(), 2u);
  EXPECT_EQ(RuleText(posture->file->rules[1]), R"(host "all","a ""b""" "+x","all" 127.0.0.0/8 trust)");
  EXPECT_FALSE(posture->file->assumed());

  server_.Execute(
      "CREATE ROLE viewer LOGIN; GRANT pg_monitor TO viewer; GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO viewer");
  Connect("viewer");
  const sampling::Output output = harness_.Collect();
  EXPECT_THAT(Parts(output), ElementsAre("raw_text insufficient_privilege", "file_times insufficient_privilege"));
  const auto viewed = output.facts.Get<hba::Posture>();
  EXPECT_TRUE(viewed->file->assumed());
  EXPECT_EQ(UserText(viewed->file->rules[1]), "+x,all");
}

TEST_F(HbaPgTest, SeesTheSameAsASuperuser) {
  server_.WriteDataFile("names", "erp\n");
  Load("host \"all\",@names \\\nall 127.0.0.0/8 trust\nhostssl all /^x samehost cert\n");
  const auto by_function = Posture();
  Connect("postgres");
  const sampling::Output output = harness_.Collect();
  EXPECT_THAT(Parts(output), IsEmpty());
  const auto by_superuser = output.facts.Get<hba::Posture>();
  EXPECT_EQ(*by_function->file, *by_superuser->file);
  EXPECT_EQ(by_superuser->in_force.pending, false);
  EXPECT_EQ(by_function->catalog, by_superuser->catalog);
}

TEST_F(HbaPgTest, KnowsSuperusersAndRolesThatReplicate) {
  server_.Execute(
      "CREATE ROLE replicator LOGIN REPLICATION; CREATE ROLE mixed LOGIN REPLICATION CREATEDB CREATEROLE BYPASSRLS; "
      "CREATE ROLE admin LOGIN SUPERUSER; CREATE ROLE no_login SUPERUSER REPLICATION; CREATE ROLE app LOGIN CREATEDB");
  server_.Execute("CREATE DATABASE owned OWNER mixed");
  Load("hostssl all all all scram-sha-256\nhost all replicator,app 10.0.0.0/8 scram-sha-256\n");
  const auto posture = Posture();
  const std::vector<hba::PrivilegedRole> roles = {
      {"admin", true, false, {}},
      {"postgres", true, true, {"CREATEDB", "CREATEROLE", "BYPASSRLS"}},
      {"mixed", false, true, {"CREATEDB", "CREATEROLE", "BYPASSRLS", "CREATE on 1 of the databases"}},
      {"replicator", false, true, {}}};
  ASSERT_TRUE(posture->catalog.privileged().has_value());
  EXPECT_EQ(*posture->catalog.privileged(), (hba::PrivilegedRoles{roles, 4}));
  ASSERT_EQ(posture->in_force_analysis->privileged.size(), 1u);
  EXPECT_EQ(posture->in_force_analysis->privileged[0].user, "replicator");
  EXPECT_TRUE(posture->in_force_analysis->privileged[0].certain);
}

TEST_F(HbaPgTest, KnowsWhomTheMapsAdmit) {
  server_.Execute("CREATE ROLE app LOGIN");
  server_.WriteDataFile("pg_ident.conf",
                        "os /^(.*)$ app\nos /^(.*)@.*$ \\1\nos /^(.*)$ \\1\nos /^(.*)@EXAMPLE\\.COM$ \\1\n"
                        "os bob /^post\nos bob /^x\nos \"b ob\" all\nother /^. app\n");
  server_.SetHba(kLocal);
  LetASecondPass();
  Load("local all app peer map=os\n");
  for (const char* const user : {"tls_exporter", "postgres"}) {
    SCOPED_TRACE(user);
    Connect(user);
    const sampling::Output output = harness_.Collect();
    const auto posture = output.facts.Get<hba::Posture>();
    if (server_.major() < 15) {
      EXPECT_THAT(Parts(output), ElementsAre("ident_maps server_version"));
      EXPECT_EQ(posture->maps, std::nullopt);
      continue;
    }
    EXPECT_THAT(Parts(output), IsEmpty());
    const std::string file = server_.data_dir() + "/pg_ident.conf";
    const bool sixteen = server_.major() >= 16;
    const std::vector<hba::IdentLine> lines = {{file, 1, "os", "/^(.*)$", "app", true, false, false},
                                               {file, 2, "os", "/^(.*)@.*$", "\\1", true, true, false},
                                               {file, 3, "os", "/^(.*)$", "\\1", true, false, false},
                                               {file, 4, "os", "/^(.*)@EXAMPLE\\.COM$", "\\1", false, false, false},
                                               {file, 5, "os", "bob", "/^post", false, false, sixteen},
                                               {file, 6, "os", "bob", "/^x", false, false, false},
                                               {file, 7, "os", "b ob", "all", false, false, false},
                                               {file, 8, "other", "/^.", "app", true, false, false}};
    ASSERT_TRUE(posture->maps.has_value());
    EXPECT_EQ(posture->maps->lines, lines);
    EXPECT_THAT(posture->maps->errors, IsEmpty());
    EXPECT_TRUE(posture->maps->in_force);
  }
}

TEST_F(HbaPgTest, KnowsWhetherTheMapsAreInForce) {
  Load("local all app peer map=os\n");
  if (server_.major() < 15) return;
  LetASecondPass();
  server_.Reload();
  EXPECT_TRUE(Posture()->maps->in_force);
  LetASecondPass();
  server_.WriteDataFile("pg_ident.conf", "os bob app\n");
  EXPECT_FALSE(Posture()->maps->in_force);
  LetASecondPass();
  server_.Reload();
  EXPECT_TRUE(Posture()->maps->in_force);
  server_.WriteDataFile("pg_ident.conf", "os /[ app\nos app\n");
  const auto refused = Posture()->maps;
  EXPECT_FALSE(refused->in_force);
  EXPECT_EQ(refused->errors.size(), 2u);
  std::filesystem::remove(server_.data_dir() + "/pg_ident.conf");
  EXPECT_THAT(Posture()->maps->errors.at(0).message, HasSubstr("pg_ident.conf"));
}

// monitoring_role.sql of an older version.
TEST_F(HbaPgTest, NeedsTheFunctionForPgIdentConf) {
  server_.Execute("DROP FUNCTION tls_exporter.ident_mappings()");
  Load("local all app trust\n");
  EXPECT_THAT(Parts((Connect(), harness_.Collect())), IsEmpty());
  Load("local all app peer map=os\n");
  EXPECT_THAT(Parts((Connect(), harness_.Collect())),
              ElementsAre(server_.major() < 15 ? "ident_maps server_version" : "ident_maps insufficient_privilege"));
  server_.RunSqlFile(kRoleFile);
  EXPECT_THAT(Parts((Connect(), harness_.Collect())), server_.major() < 15 ? testing::SizeIs(1) : testing::SizeIs(0));
}

TEST_F(HbaPgTest, NeverShowsASecret) {
  std::string hba =
      "host all all 127.0.0.1/32 radius radiusservers=127.0.0.1 radiussecrets=geheim\n"
      "host all all 127.0.0.1/32 md5 geheim\n"
      "host all all 127.0.0.1/32 radius radiusservers=127.0.0.1 radiussecrets=\"geheim\"x y\n";
  if (server_.major() == 15) hba += "host all all 127.0.0.1/32 ldap ldapserver=x ldapbasedn=x ldapbindpasswd=geheim\n";
  server_.SetHba(kLocal + hba);
  for (const auto& row :
       server_.Query("SET ROLE tls_exporter; SELECT *, convert_from(raw, 'UTF8') FROM tls_exporter.hba_rules()")) {
    for (const auto& value : row) EXPECT_THAT(value.value_or(""), Not(HasSubstr("geheim")));
  }
  EXPECT_THAT(Page(), Not(HasSubstr("geheim")));
}

TEST_F(HbaPgTest, AsksTheServerAboutRegularExpressions) {
  server_.Execute("CREATE ROLE erp_app LOGIN; CREATE ROLE \"\xc3\xa4rp\" LOGIN");
  Load(
      "host all /^erp 127.0.0.0/8 trust\nhost all \"/^.rp$\" 127.0.0.0/8 trust\nhost /^post.*s$ all 127.0.0.0/8 "
      "trust\n");
  const auto posture = Posture();
  if (server_.major() < 16) {
    EXPECT_EQ(posture->file->rules[1].users[0].kind, hba::NameMatch::Kind::kName);
    return;
  }
  EXPECT_EQ(posture->regexes.Get("^erp", "erp_app"), true);
  EXPECT_EQ(posture->regexes.Get("^erp", "postgres"), false);
  EXPECT_EQ(posture->regexes.Get("^erp", "nobody"), std::nullopt);
  EXPECT_EQ(posture->regexes.Get("^post.*s$", "postgres"), true);
  // Authentication counts bytes, not characters.
  EXPECT_EQ(posture->regexes.Get("^.rp$", "\xc3\xa4rp"), false);
}

TEST_F(HbaPgTest, HasNothingToSayToARoleThatSeesNoRules) {
  server_.Execute("CREATE ROLE watcher LOGIN; GRANT pg_monitor TO watcher");
  Connect("watcher");
  EXPECT_THAT(Parts(harness_.Collect()), ElementsAre("rules insufficient_privilege"));
  EXPECT_EQ(harness_.CollectPage(), "");
}

TEST_F(HbaPgTest, NamesTheSessionsThatItMayNotSee) {
  server_.Execute("REVOKE pg_monitor FROM tls_exporter");
  Connect();
  EXPECT_THAT(Parts(harness_.Collect()), ElementsAre("connections insufficient_privilege"));
  EXPECT_THAT(harness_.CollectPage(), AllOf(HasSubstr("plaintext_admitted"), Not(HasSubstr("connections{"))));
}

}  // namespace
}  // namespace pgtls::collectors
