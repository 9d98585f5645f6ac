// The settings collector on real servers.
#include "collectors/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/settings/server_settings.h"
#include "tests/collectors/harness.h"
#include "tests/collectors/standby.h"
#include "tests/support/golden.h"
#include "tests/support/postgres_server.h"

namespace pgtls::collectors {
namespace {

using settings::ServerSettings;
using support::PostgresServer;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kRoleFile = "deploy/sql/monitoring_role.sql";

std::string Value(const std::string& name, const std::string& value) {
  return "pg_tls_setting_info{server=\"db\",name=\"" + name + "\",value=\"" + value + "\"} 1\n";
}

std::vector<std::string> Parts(const sampling::Output& output) {
  std::vector<std::string> parts;
  parts.reserve(output.incomplete.size());
  for (const auto& part : output.incomplete) parts.push_back(part.part + " " + part.reason);
  return parts;
}

class SettingsPgTest : public testing::Test {
 protected:
  void SetUp() override { server_.RunSqlFile(kRoleFile); }
  void Connect(const std::string& user = "tls_exporter") { harness_.Connect(server_.Conninfo("user=" + user)); }
  // Each on a fresh connection, as the exporter does it.
  std::string Page() {
    Connect();
    return harness_.CollectPage();
  }
  std::shared_ptr<const ServerSettings> Settings() {
    Connect();
    return harness_.Collect().facts.Get<ServerSettings>();
  }

  support::TestCa ca_;
  PostgresServer server_{{.tls = support::ServerTls{.server = ca_.IssueForLocalhost()}}};
  Harness harness_{SettingsCollector()};
};

TEST_F(SettingsPgTest, TellsWhatHasToDoWithEncryption) {
  const std::string page = Page();
  EXPECT_THAT(
      page,
      AllOf(HasSubstr("pg_tls_server_ssl_enabled{server=\"db\"} 1\n"), HasSubstr("ssl_library=\"OpenSSL\"} 1\n"),
            HasSubstr(Value("ssl", "on")), HasSubstr(Value("ssl_min_protocol_version", "TLSv1.2")),
            HasSubstr(Value("ssl_cert_file", "server.crt")), HasSubstr(Value("password_encryption", "scram-sha-256")),
            HasSubstr(Value("data_directory", server_.data_dir()))));
  EXPECT_THAT(page, HasSubstr("pg_tls_config_load_timestamp_seconds{server=\"db\"} 1"));
  EXPECT_THAT(page, HasSubstr("pg_tls_config_file_errors{server=\"db\"} 0\n"));
  EXPECT_THAT(page, Not(HasSubstr("pending_")));
  EXPECT_THAT(page, Not(HasSubstr("wal_receiver")));
  const std::string groups = server_.major() >= 18 ? "ssl_groups" : "ssl_ecdh_curve";
  EXPECT_THAT(page, HasSubstr("name=\"" + groups + "\""));
  EXPECT_THAT(Parts(harness_.Collect()), IsEmpty());
}

TEST_F(SettingsPgTest, NeverShowsWhatMayBeSecret) {
  server_.Set("ssl_passphrase_command = 'echo geheim'");
  server_.Set("primary_conninfo = 'host=x password=geheim'");
  server_.Reload();
  EXPECT_THAT(Page(), AllOf(Not(HasSubstr("geheim")), Not(HasSubstr("ssl_passphrase_command\""))));
  for (const auto& row : server_.Query("SET ROLE tls_exporter; SELECT * FROM tls_exporter.file_settings()")) {
    EXPECT_THAT(row[4].value_or(""), Not(HasSubstr("geheim")));
  }
}

TEST_F(SettingsPgTest, SeesWhatWaitsForARestart) {
  server_.Set("max_connections = 37");
  server_.Reload();
  EXPECT_THAT(Settings()->pending_restart, ElementsAre("max_connections"));
  EXPECT_THAT(Page(), HasSubstr("pg_tls_setting_pending_restart{server=\"db\",name=\"max_connections\"} 1\n"));
}

TEST_F(SettingsPgTest, SeesWhatWaitsForAReload) {
  server_.Set("ssl_min_protocol_version = 'TLSv1.3'");
  server_.Set("ssl = off");
  EXPECT_THAT(*Settings()->pending_reload, ElementsAre("ssl", "ssl_min_protocol_version"));
  EXPECT_THAT(Page(), HasSubstr("pg_tls_setting_pending_reload{server=\"db\",name=\"ssl\"} 1\n"));
  server_.Reload();
  EXPECT_THAT(*Settings()->pending_reload, IsEmpty());
  EXPECT_EQ(Settings()->Get("ssl"), "off");
}

TEST_F(SettingsPgTest, KnowsWhetherReplicationCommandsAreLogged) {
  EXPECT_EQ(Settings()->Get("log_replication_commands"), "off");
  server_.Set("log_replication_commands = on");
  EXPECT_THAT(*Settings()->pending_reload, ElementsAre("log_replication_commands"));
  server_.Reload();
  EXPECT_THAT(*Settings()->pending_reload, IsEmpty());
  EXPECT_EQ(Settings()->Get("log_replication_commands"), "on");
}

TEST_F(SettingsPgTest, SeesALineThatWasTakenAway) {
  server_.Execute("ALTER SYSTEM SET password_encryption = 'md5'");
  server_.Reload();
  EXPECT_THAT(*Settings()->pending_reload, IsEmpty());
  server_.Execute("ALTER SYSTEM RESET password_encryption");
  EXPECT_THAT(*Settings()->pending_reload, ElementsAre("password_encryption"));
}

TEST_F(SettingsPgTest, TakesSpellingsOfOneValueForTheSame) {
  server_.Set("ssl = TRUE");
  server_.Set("ssl_min_protocol_version = tlsv1.2");
  server_.Set("ssl_prefer_server_ciphers = 1");
  if (server_.major() >= 18) server_.Set("ssl_ecdh_curve = 'prime256v1'");
  server_.Reload();
  EXPECT_THAT(*Settings()->pending_reload, IsEmpty());
}

TEST_F(SettingsPgTest, CountsLinesInError) {
  server_.Set("ssl_min_protocol_version = 'TLSv9'");
  EXPECT_THAT(Page(), HasSubstr("pg_tls_config_file_errors{server=\"db\"} 1\n"));
  EXPECT_THAT(*Settings()->file_errors, Contains(Field(&ServerSettings::FileError::name, "ssl_min_protocol_version")));
}

TEST_F(SettingsPgTest, LeavesOutWhatTheRoleHasOfItsOwn) {
  server_.Execute("ALTER ROLE tls_exporter SET password_encryption = 'md5'");
  EXPECT_THAT(Page(), Not(HasSubstr("password_encryption")));
}

TEST_F(SettingsPgTest, NamesWhatAnOrdinaryRoleMayNotSee) {
  server_.Execute("CREATE ROLE plain LOGIN");
  Connect("plain");
  const sampling::Output output = harness_.Collect();
  EXPECT_THAT(Parts(output),
              ElementsAre("settings insufficient_privilege", "configuration_files insufficient_privilege",
                          "wal_receiver insufficient_privilege", "role_passwords insufficient_privilege"));
  EXPECT_THAT(harness_.CollectPage(), AllOf(HasSubstr(Value("ssl", "on")), Not(HasSubstr("ssl_min_protocol_version")),
                                            Not(HasSubstr("config_file_errors"))));
}

TEST_F(SettingsPgTest, NamesWhatPgMonitorMayNotSee) {
  server_.Execute("CREATE ROLE watcher LOGIN; GRANT pg_monitor TO watcher");
  Connect("watcher");
  EXPECT_THAT(Parts(harness_.Collect()),
              ElementsAre("configuration_files insufficient_privilege", "role_passwords insufficient_privilege"));
}

TEST_F(SettingsPgTest, DoesNotBelieveAFunctionThatNoSuperuserOwns) {
  server_.Execute("CREATE ROLE mallory LOGIN; ALTER FUNCTION tls_exporter.file_settings() OWNER TO mallory");
  Connect();
  EXPECT_THAT(Parts(harness_.Collect()), ElementsAre("configuration_files insufficient_privilege"));
}

TEST_F(SettingsPgTest, ShowsTheLinkOfAStandby) {
  PostgresServer standby({.environment = {{"HOME", "/nonexistent"}}});  // libpq looks for certificates there
  Follow(standby, server_, "host=127.0.0.1 user=postgres sslmode=require");
  ASSERT_TRUE(Streams(standby));
  harness_.Connect(standby.Conninfo("user=tls_exporter"));
  EXPECT_THAT(harness_.CollectPage(),
              HasSubstr("pg_tls_wal_receiver_info{server=\"db\",sender_host=\"127.0.0.1\",sender_port=\"" +
                        std::to_string(server_.port()) + "\",sslmode=\"require\"} 1\n"));
}

}  // namespace
}  // namespace pgtls::collectors
