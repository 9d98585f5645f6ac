#include "collectors/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/settings/role_passwords.h"
#include "exporter/settings/server_settings.h"
#include "tests/collectors/harness.h"
#include "tests/support/golden.h"

namespace pgtls::collectors {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class SettingsTest : public testing::Test {
 protected:
  SettingsTest() {
    Access("t", "t", "t", "f");
    answers_["settings"] = {{"name", "setting", "vartype", "pending_restart", "relevant", "source"}, {}};
    answers_["settings_files_function"] = {{"seqno", "sourcefile", "sourceline", "name", "setting", "error"}, {}};
    answers_["settings_files"] = answers_["settings_files_function"];
    answers_["settings_wal_receiver"] = {{"sender_host", "sender_port", "sslmode"}, {}};
    answers_["settings_passwords_function"] = {{"kind", "name", "roles", "few_iterations"},
                                               {{"md5", std::nullopt, "2", "0"},
                                                {"md5", "ann", std::nullopt, std::nullopt},
                                                {"md5", "bob", std::nullopt, std::nullopt},
                                                {"none", std::nullopt, "3", "0"},
                                                {"scram-sha-256", std::nullopt, "5", "1"}}};
  }

  void Access(const char* sees_settings, const char* sees_stats, const char* has_function, const char* sees_files) {
    answers_["settings_access"] = {{"server_version", "load_time", "sees_settings", "sees_stats", "has_function",
                                    "has_hosts", "has_passwords", "sees_passwords", "sees_files"},
                                   {{"18.4", "1800000000.5", sees_settings, sees_stats, has_function, "t",
                                     has_passwords_, sees_passwords_, sees_files}}};
  }
  void Setting(const char* name, const char* value, const char* type = "string",
               const char* source = "configuration file", const char* pending_restart = "f") {
    answers_["settings"].second.push_back({name, value, type, pending_restart, "t", source});
  }
  void FileLine(const char* name, const char* value, std::optional<std::string> error = std::nullopt) {
    answers_["settings_files_function"].second.push_back(
        {"1", "/data/postgresql.conf", "7", name, value, std::move(error)});
  }
  std::shared_ptr<const settings::ServerSettings> Settings() {
    return harness_.Collect().facts.Get<settings::ServerSettings>();
  }

  const char* has_passwords_ = "t";
  const char* sees_passwords_ = "f";
  Harness harness_{SettingsCollector()};
  std::map<std::string, std::pair<std::vector<std::string>, FakeSession::Rows>, std::less<>>& answers_ =
      harness_.fake.answers;
};

TEST_F(SettingsTest, RendersAllThatItKnows) {
  Setting("ssl", "on", "bool");
  Setting("ssl_library", "OpenSSL", "string", "default");
  Setting("ssl_min_protocol_version", "TLSv1.2", "enum", "default");
  Setting("port", "5432", "integer", "configuration file", "t");
  answers_["settings"].second.push_back({"max_connections", std::nullopt, "integer", "t", "f", "configuration file"});
  FileLine("ssl", "off");
  FileLine("port", "5433", "setting could not be applied");
  FileLine("ssl_library_x", "1", "unrecognized configuration parameter \"ssl_library_x\"");
  answers_["settings_wal_receiver"].second.push_back({"db0", "5432", "verify-full"});
  EXPECT_TRUE(support::MatchesGolden("tests/collectors/testdata/settings.prom", harness_.CollectPage()));
}

TEST_F(SettingsTest, ComparesFilesWithWhatIsInForce) {
  Setting("ssl", "on", "bool");
  Setting("ssl_min_protocol_version", "TLSv1.2", "enum");
  Setting("ssl_ciphers", "HIGH");
  Setting("ssl_groups", "X25519");
  Setting("scram_iterations", "4096", "integer");
  Setting("gss_accept_delegation", "off", "bool");
  Setting("hba_file", "/etc/hba", "string", "command line");
  for (const auto& [name, value] : std::initializer_list<std::pair<const char*, const char*>>{
           {"ssl", "off"},
           {"ssl", "YES"},           // the last line counts, in any spelling
           {"ssl_ciphers", "high"},  // case matters in a string
           {"ssl_min_protocol_version", "tlsv1.2"},
           {"ssl_ecdh_curve", "X25519"},  // the old name
           {"scram_iterations", "4k"},    // nobody can tell
           {"hba_file", "/other"}}) {
    FileLine(name, value);
  }
  // gss_accept_delegation: its line was taken away.
  EXPECT_THAT(*Settings()->pending_reload, ElementsAre("gss_accept_delegation", "ssl_ciphers"));
}

// An older tls_exporter.file_settings() does not show the values of settings that were added since.
TEST_F(SettingsTest, ALineWithoutAValueIsNoChange) {
  Setting("log_replication_commands", "on", "bool");
  answers_["settings_files_function"].second.push_back(
      {"1", "/data/postgresql.conf", "7", "log_replication_commands", std::nullopt, std::nullopt});
  EXPECT_THAT(*Settings()->pending_reload, IsEmpty());
}

TEST_F(SettingsTest, KnowsNothingOfFilesThatItMayNotRead) {
  Access("t", "t", "f", "f");
  Setting("ssl", "on", "bool");
  EXPECT_EQ(Settings()->pending_reload, std::nullopt);
  EXPECT_EQ(Settings()->file_errors, std::nullopt);
  EXPECT_THAT(harness_.CollectPage(), testing::Not(testing::HasSubstr("config_file_errors")));
  EXPECT_EQ(harness_.Collect().incomplete.at(0).part, "configuration_files");
}

TEST_F(SettingsTest, ReadsTheViewWithoutTheFunction) {
  Access("t", "t", "f", "t");
  Setting("ssl", "on", "bool");
  answers_["settings_files"].second.push_back({"1", "/data/postgresql.conf", "7", "ssl", "off", std::nullopt});
  EXPECT_THAT(*Settings()->pending_reload, ElementsAre("ssl"));
}

TEST_F(SettingsTest, ReadsHowPasswordsAreStored) {
  const auto passwords = harness_.Collect().facts.Get<settings::RolePasswords>();
  EXPECT_EQ(passwords->scram, 5u);
  EXPECT_EQ(passwords->few_iterations, 1u);
  EXPECT_EQ(passwords->md5, 2u);
  EXPECT_EQ(passwords->none, 3u);
  EXPECT_THAT(passwords->md5_roles, ElementsAre("ann", "bob"));
}

TEST_F(SettingsTest, ReadsPasswordsWithoutTheFunctionIfTheRoleMay) {
  answers_["settings_passwords"] = answers_["settings_passwords_function"];
  answers_.erase("settings_passwords_function");
  has_passwords_ = "f";
  sees_passwords_ = "t";
  Access("t", "t", "t", "f");
  EXPECT_EQ(harness_.Collect().facts.Get<settings::RolePasswords>()->md5, 2u);
  sees_passwords_ = "f";
  Access("t", "t", "t", "f");
  const sampling::Output output = harness_.Collect();
  EXPECT_EQ(output.facts.Get<settings::RolePasswords>(), nullptr);
  EXPECT_EQ(output.incomplete.at(0).part, "role_passwords");
  EXPECT_THAT(harness_.CollectPage(), testing::Not(testing::HasSubstr("role_passwords{")));
}

TEST_F(SettingsTest, LeavesOutValuesOfTheSession) {
  for (const char* source : {"user", "database", "database user", "client", "session"}) {
    answers_["settings"].second.clear();
    Setting("password_encryption", "md5", "enum", source);
    EXPECT_THAT(Settings()->values, IsEmpty()) << source;
  }
}

TEST_F(SettingsTest, ReadsBooleansAsPostgresqlDoes) {
  for (const char* spelling : {"on", "ON", "t", "tr", "true", "y", "yes", "1"}) {
    answers_["settings"].second.clear();
    answers_["settings_files_function"].second.clear();
    Setting("ssl", "on", "bool");
    FileLine("ssl", spelling);
    EXPECT_THAT(*Settings()->pending_reload, IsEmpty()) << spelling;
  }
  for (const char* spelling : {"off", "of", "f", "n", "no", "0"}) {
    answers_["settings_files_function"].second.clear();
    FileLine("ssl", spelling);
    EXPECT_THAT(*Settings()->pending_reload, ElementsAre("ssl")) << spelling;
  }
}

TEST_F(SettingsTest, TheSameRowsAreSaidToBeUnchanged) {
  Setting("ssl", "on", "bool");
  FileLine("ssl", "on");
  harness_.basis = harness_.Collect().basis;
  ASSERT_TRUE(harness_.basis);
  EXPECT_TRUE(harness_.Collect().unchanged);

  const auto before = answers_;
  const std::pair<const char*, std::function<void()>> changes[] = {
      {"load time", [&] { answers_["settings_access"].second[0][1] = "1800000001"; }},
      {"setting", [&] { answers_["settings"].second[0][1] = "off"; }},
      {"line", [&] { FileLine("ssl", "off"); }},
      {"link", [&] { answers_["settings_wal_receiver"].second.push_back({"db0", "5432", "disable"}); }},
      {"password", [&] { answers_["settings_passwords_function"].second[0][2] = "1"; }},
      {"privilege", [&] { Access("t", "f", "t", "f"); }},
      {"privilege alone", [&] { Access("f", "t", "t", "f"); }},
  };
  for (const auto& [what, change] : changes) {
    answers_ = before;
    harness_.basis = harness_.Collect().basis;
    change();
    const sampling::Output output = harness_.Collect();
    EXPECT_FALSE(output.unchanged) << what;
    harness_.basis = output.basis;
    EXPECT_TRUE(harness_.Collect().unchanged) << "after another " << what;
  }
}

TEST_F(SettingsTest, AsksInOneRoundTripWhatTheRoleMightSeeLastTime) {
  Setting("ssl", "on", "bool");
  harness_.Collect();
  EXPECT_EQ(harness_.fake.round_trips, 2) << "what it may see, then what it is";
  harness_.Collect();
  EXPECT_EQ(harness_.fake.round_trips, 3);
  Access("t", "t", "f", "f");
  EXPECT_FALSE(Settings()->file_errors);
  EXPECT_EQ(harness_.fake.round_trips, 5) << "it may see less now";
}

}  // namespace
}  // namespace pgtls::collectors
