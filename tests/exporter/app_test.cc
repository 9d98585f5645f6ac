// The program from its command line to its exit code, as far as no server is needed.
#include "exporter/app.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "exporter/base/error.h"
#include "tests/support/files.h"

namespace pgtls {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class AppTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"DATA_SOURCE_NAME", "PGHOST", "PGPORT", "PGSERVICE", "PGSSLMODE", "PGUSER"})
      unsetenv(name);
  }
  void TearDown() override { SetUp(); }

  int Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "pg_tls_exporter");
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code = RunApp(static_cast<int>(argv.size()), argv.data());
    out_ = testing::internal::GetCapturedStdout();
    err_ = testing::internal::GetCapturedStderr();
    shown_.clear();
    for (const auto& argument : arguments) shown_ += argument + " ";
    return code;
  }
  static config::CommandLine Line(const std::vector<std::string>& arguments) {
    return config::ParseCommandLine(arguments, "").command_line.value();
  }

  support::TempDir dir_;
  std::string out_;
  std::string err_;
  std::string shown_;  // the process's argument list afterwards
};

TEST_F(AppTest, VersionAndHelp) {
  EXPECT_EQ(Run({"--version"}), 0);
  EXPECT_THAT(out_, StartsWith("pg_tls_exporter "));
  EXPECT_EQ(Run({"--help"}), 0);
  EXPECT_THAT(out_, HasSubstr("config-check"));
  EXPECT_EQ(err_, "");
}

TEST_F(AppTest, MetricsPrintsTheCatalogue) {
  EXPECT_EQ(Run({"metrics"}), 0);
  EXPECT_THAT(out_, HasSubstr("pg_tls_up\tgauge\tserver\t"));
  EXPECT_EQ(Run({"metrics", "--markdown"}), 0);
  EXPECT_THAT(out_, StartsWith("| metric |"));
}

TEST_F(AppTest, MistakesAreTwo) {
  EXPECT_EQ(Run({"--nonesuch"}), 2);
  EXPECT_EQ(out_, "");
  EXPECT_EQ(Run({"collect", "--dsn=nonsense"}), 2);
  EXPECT_THAT(err_, StartsWith("pg_tls_exporter: --dsn: conninfo: "));
  setenv("DATA_SOURCE_NAME", "nonsense", 1);
  EXPECT_EQ(Run({"collect"}), 2);
  EXPECT_THAT(err_, StartsWith("pg_tls_exporter: DATA_SOURCE_NAME: conninfo: "));
  EXPECT_EQ(Run({"--config.file=/nonexistent.yml"}), 2);
  EXPECT_THAT(err_, HasSubstr("/nonexistent.yml: No such file or directory"));
}

TEST_F(AppTest, ConfigCheck) {
  const std::string good =
      dir_.Write("good.yml", "servers: [{name: a, conninfo: host=a}, {name: b, conninfo: host=b}]");
  EXPECT_EQ(Run({"config-check", "--config.file=" + good}), 0);
  EXPECT_THAT(out_, HasSubstr("2 servers"));
  EXPECT_EQ(err_, "");
  const std::string bad = dir_.Write("bad.yml", "servers:\n- name: a\n  conninfo: hst=a\n");
  EXPECT_EQ(Run({"config-check", "--config.file", bad}), 2);
  EXPECT_EQ(out_, "");
  EXPECT_THAT(err_, HasSubstr(bad + ":3:13: servers[0].conninfo: conninfo: invalid connection option \"hst\""));
}

TEST_F(AppTest, CollectOfADeadServerIsOneAndStillAPage) {
  const std::string dsn = "host=127.0.0.1 port=" + std::to_string(support::FreePort()) + " password=hunter2";
  EXPECT_EQ(Run({"collect", "--dsn", dsn}), 1);
  EXPECT_THAT(out_, HasSubstr("\npg_tls_up{server=\"127.0.0.1:"));
  EXPECT_THAT(out_, HasSubstr("\"} 0\n"));
  EXPECT_THAT(out_, HasSubstr("\npg_tls_exporter_build_info{"));
  EXPECT_THAT(out_ + err_ + shown_, Not(HasSubstr("hunter2")));
}

TEST_F(AppTest, TheSourceOfTheConfiguration) {
  setenv("PGHOST", "envhost", 1);
  EXPECT_EQ(LoadConfig(Line({})).servers[0].name, "envhost:5432");
  setenv("DATA_SOURCE_NAME", "host=dsnhost port=1", 1);
  EXPECT_EQ(LoadConfig(Line({})).servers[0].name, "dsnhost:1");
  EXPECT_EQ(LoadConfig(Line({"--dsn=host=arghost"})).servers[0].name, "arghost:5432");
  const std::string file = dir_.Write("c.yml", "servers: [{name: filed, conninfo: host=a}]");
  EXPECT_EQ(LoadConfig(Line({"--config.file=" + file})).servers[0].name, "filed");
}

TEST_F(AppTest, SwitchesCountForEveryServer) {
  const std::string file =
      dir_.Write("c.yml",
                 "servers: [{name: a, collectors: {sessions: {enabled: true}}}, {name: b, conninfo: host=b}]\n"
                 "collectors: {hba: {enabled: false}}\n");
  const auto config = LoadConfig(Line({"--config.file=" + file, "--no-collector.sessions", "--collector.hba"}));
  for (const auto& server : config.servers) {
    EXPECT_FALSE(server.collector("sessions").enabled) << server.name;
    EXPECT_TRUE(server.collector("hba").enabled) << server.name;
    EXPECT_TRUE(server.collector("settings").enabled) << server.name;
  }
  EXPECT_FALSE(config.collectors.at("sessions").enabled);
}

TEST_F(AppTest, ATrapInTheTelemetryPathIsAMistakeNotACrash) { EXPECT_EQ(Run({"--web.telemetry-path=/-/ready"}), 2); }

}  // namespace
}  // namespace pgtls
