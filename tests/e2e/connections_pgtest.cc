// Every way to say which server, and what libpq honours on the way there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/e2e/exporter.h"
#include "tests/support/postgres_server.h"

namespace pgtls::e2e {
namespace {

using support::TempDir;
using testing::HasSubstr;

class ConnectionsTest : public testing::Test {
 protected:
  void SetUp() override {
    server_.RunSqlFile("deploy/sql/monitoring_role.sql");
    server_.Execute("ALTER ROLE tls_exporter PASSWORD 'it''s \\ secret'");
    root_ = files_.Write("ca.crt", ca_.certificate());
    port_ = std::to_string(server_.port());
    passfile_ = files_.Write("passfile", "localhost:" + port_ + ":*:tls_exporter:it's \\\\ secret\n");
    std::filesystem::permissions(passfile_, std::filesystem::perms::owner_read);
  }
  std::string UpLine(const std::string& value) const {
    return "pg_tls_up{server=\"" + (name_.empty() ? "localhost:" + port_ : name_) + "\"} " + value;
  }
  // One collection by arguments and environment.
  std::string Collect(const std::vector<std::string>& arguments,
                      const std::map<std::string, std::string>& environment) {
    std::vector<std::string> command = {"collect"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const auto result = RunExporter(command, environment);
    log_ = result.err;
    EXPECT_EQ(result.exit_code, HasLine(result.out, UpLine("1")) ? 0 : 1) << log_;
    return result.out;
  }
  std::string Encrypted(const std::string& sslmode) const {
    return "pg_tls_exporter_connection_info{server=\"localhost:" + port_ + "\",sslmode=\"" + sslmode +
           "\",encryption=\"tls\",version=\"TLSv1.3\",cipher=\"TLS_AES_256_GCM_SHA384\"} 1";
  }

  const TempDir files_;
  const support::TestCa ca_;
  support::PostgresServer server_{
      {.hba = "local all postgres trust\nhostssl all tls_exporter 127.0.0.1/32 scram-sha-256\n",
       .tls = support::ServerTls{.server = ca_.Issue({.common_name = "localhost", .dns_names = {"localhost"}})}}};
  std::string root_, port_, passfile_, name_, log_;
};

TEST_F(ConnectionsTest, LibpqsEnvironmentAlone) {
  const std::string page = Collect({}, {{"PGHOST", "localhost"},
                                        {"PGPORT", port_},
                                        {"PGDATABASE", "postgres"},
                                        {"PGUSER", "tls_exporter"},
                                        {"PGPASSFILE", passfile_},
                                        {"PGSSLMODE", "verify-full"},
                                        {"PGSSLROOTCERT", root_}});
  EXPECT_TRUE(HasLine(page, UpLine("1"))) << log_;
  EXPECT_TRUE(HasLine(page, Encrypted("verify-full"))) << page;
}

TEST_F(ConnectionsTest, AServiceFile) {
  const std::string service = files_.Write(
      "services", "[watched]\nhost=localhost\nport=" + port_ +
                      "\ndbname=postgres\nuser=tls_exporter\nsslmode=verify-full\nsslrootcert=" + root_ + "\n");
  const std::string page =
      Collect({}, {{"PGSERVICE", "watched"}, {"PGSERVICEFILE", service}, {"PGPASSFILE", passfile_}});
  EXPECT_TRUE(HasLine(page, UpLine("1"))) << log_;
  EXPECT_TRUE(HasLine(page, Encrypted("verify-full"))) << page;
}

TEST_F(ConnectionsTest, DataSourceNameInUriForm) {
  const std::string page = Collect(
      {}, {{"DATA_SOURCE_NAME", "postgresql://tls_exporter:it's%20%5C%20secret@localhost:" + port_ + "/postgres"}});
  EXPECT_TRUE(HasLine(page, UpLine("1"))) << log_;
  EXPECT_TRUE(HasLine(page, Encrypted("require"))) << page << "encryption is asked for by default";
  EXPECT_EQ(page.find("secret"), std::string::npos);
}

TEST_F(ConnectionsTest, DataSourceUriAndItsParts) {
  const std::map<std::string, std::string> server = {{"DATA_SOURCE_URI", "localhost:" + port_ + "/postgres"},
                                                     {"DATA_SOURCE_USER", "tls_exporter"}};
  for (const auto& [name, value] : {std::pair<std::string, std::string>("DATA_SOURCE_PASS", "it's \\ secret"),
                                    {"DATA_SOURCE_PASS_FILE", files_.Write("password", "it's \\ secret\n")}}) {
    auto environment = server;
    environment.emplace(name, value);
    const std::string page = Collect({}, environment);
    EXPECT_TRUE(HasLine(page, UpLine("1"))) << name << log_;
    EXPECT_THAT(page + log_, testing::Not(HasSubstr("secret"))) << name;
  }
}

TEST_F(ConnectionsTest, ThePasswordFileOfAConfiguration) {
  files_.Write("password", "it's \\ secret\n");
  std::string text = Config({{"db", "host=localhost port=" + port_ + " dbname=postgres user=tls_exporter"}});
  text += "    password_file: password\n";
  name_ = "db";
  const std::string page = Collect({"--config.file=" + files_.Write("config.yml", text)}, {});
  EXPECT_TRUE(HasLine(page, UpLine("1"))) << log_;
}

TEST_F(ConnectionsTest, VerifyFullRefusesAnotherName) {
  const std::string conninfo =
      "host=127.0.0.1 port=" + port_ + " dbname=postgres user=tls_exporter sslmode=verify-full sslrootcert=" + root_;
  name_ = "127.0.0.1:" + port_;
  const std::string page = Collect({"--dsn=" + conninfo}, {{"PGPASSFILE", passfile_}});
  EXPECT_TRUE(HasLine(page, UpLine("0"))) << page;
  EXPECT_THAT(page, HasSubstr("collector=\"sessions\",reason=\"tls\"} 1"));
}

TEST_F(ConnectionsTest, AnExplicitSslmodeWins) {
  server_.SetHba("local all postgres trust\nhostnossl all tls_exporter 127.0.0.1/32 scram-sha-256\n");
  server_.Reload();
  const std::string dsn = "--dsn=host=localhost port=" + port_ + " dbname=postgres user=tls_exporter";
  EXPECT_TRUE(HasLine(Collect({dsn}, {{"PGPASSFILE", passfile_}}), UpLine("0")));
  const std::string page = Collect({dsn + " sslmode=disable"}, {{"PGPASSFILE", passfile_}});
  EXPECT_TRUE(HasLine(page, UpLine("1"))) << log_;
  EXPECT_THAT(page, HasSubstr("sslmode=\"disable\",encryption=\"none\""));
}

TEST_F(ConnectionsTest, AUnixSocketNeedsNoEncryption) {
  server_.SetHba("local all all trust\n");
  server_.Reload();
  name_ = server_.socket_dir();
  const std::string page = Collect({"--dsn=" + server_.SocketConninfo("user=tls_exporter")}, {});
  EXPECT_TRUE(HasLine(page, UpLine("1"))) << log_;
}

TEST_F(ConnectionsTest, ADeadFirstHostDoesNotHideTheSecond) {
  // 192.0.2.1 (TEST-NET-1) never answers.
  const std::string conninfo = "host=192.0.2.1,localhost port=" + port_ + "," + port_ +
                               " dbname=postgres user=tls_exporter passfile=" + passfile_;
  const std::string config = files_.Write(
      "config.yml", Config({{"db", conninfo}}) + "    collectors: {sessions: {interval: 200ms, timeout: 20s}}\n");
  const Exporter exporter({"--config.file=" + config});
  name_ = "db";
  exporter.WaitForLine(UpLine("1"));
}

// Where a build has no such extension it is not known, and nothing else suffers.
TEST_F(ConnectionsTest, SslinfoAnswersWhereItIsThere) {
  const bool available = !server_.Query("SELECT FROM pg_available_extensions WHERE name = 'sslinfo'").empty();
  if (available) server_.Execute("CREATE EXTENSION sslinfo");
  const Exporter exporter(
      {"--dsn=host=localhost port=" + port_ + " dbname=postgres user=tls_exporter passfile=" + passfile_});
  exporter.WaitForLine(UpLine("1"));
  EXPECT_TRUE(exporter.WaitForLog(available ? "ssl_is_used=true" : "ssl_is_used=unknown")) << exporter.Log();
}

TEST_F(ConnectionsTest, ReloadAddsAndRemovesServersAndKeepsTheGoodConfiguration) {
  const std::string conninfo =
      "host=localhost port=" + port_ + " dbname=postgres user=tls_exporter passfile=" + passfile_;
  const std::string file = files_.Write("config.yml", Config({{"one", conninfo}}));
  Exporter exporter({"--config.file=" + file});
  exporter.WaitForLine("pg_tls_up{server=\"one\"} 1");
  files_.Write("config.yml", Config({{"two", conninfo}}));
  exporter.process().Signal(SIGHUP);
  std::string page = exporter.WaitForLine("pg_tls_up{server=\"two\"} 1");
  EXPECT_EQ(page.find("server=\"one\""), std::string::npos) << page;
  files_.Write("config.yml", "servers: [{name: three, hots: x}]\n");
  exporter.process().Signal(SIGHUP);
  page = exporter.WaitForLine("pg_tls_exporter_config_last_reload_successful 0");
  EXPECT_TRUE(HasLine(page, "pg_tls_up{server=\"two\"} 1")) << page;
  EXPECT_TRUE(exporter.WaitForLog(file + ":1:25")) << exporter.Log();
  files_.Write("config.yml", Config({{"two", conninfo}}));
  exporter.process().Signal(SIGHUP);
  exporter.WaitForLine("pg_tls_exporter_config_last_reload_successful 1");
}

}  // namespace
}  // namespace pgtls::e2e
