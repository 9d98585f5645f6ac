// The program from its command line to its exit code, as far as no server is needed.
#include "exporter/app.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "collectors/registry.h"
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
    for (const char* name : {"DATA_SOURCE_NAME", "DATA_SOURCE_URI", "DATA_SOURCE_URI_FILE", "DATA_SOURCE_USER",
                             "DATA_SOURCE_USER_FILE", "DATA_SOURCE_PASS", "DATA_SOURCE_PASS_FILE", "PGHOST", "PGPORT",
                             "PGSERVICE", "PGSERVICEFILE", "PGSSLMODE", "PGUSER"})
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
    return config::ParseCommandLine(arguments, "", collectors::Schemas()).command_line.value();
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
  EXPECT_EQ(Run({"collect", "--config.file=/nonexistent.yml"}), 2);
  EXPECT_EQ(err_, "pg_tls_exporter: /nonexistent.yml: No such file or directory\n");
  for (const char* path : {"/probe", "/", "/sd", "/-/ready", "/-/healthy", "/-/reload", "metrics", "/m/", "/m x"}) {
    EXPECT_EQ(Run({std::string("--web.telemetry-path=") + path}), 2) << path;
    EXPECT_THAT(err_, StartsWith("pg_tls_exporter: --web.telemetry-path="));
    EXPECT_EQ(std::ranges::count(err_, '\n'), 1) << err_;
  }
}

// As a program that was started without even its name.
TEST_F(AppTest, NoArgumentsAtAll) {
  setenv("DATA_SOURCE_NAME", "nonsense", 1);
  char* argv[] = {nullptr};
  testing::internal::CaptureStderr();
  EXPECT_EQ(RunApp(0, argv), 2);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("DATA_SOURCE_NAME"));
}

// The service may find at its next start what is not there now.
TEST_F(AppTest, WhatTimeMayCureIsOneForTheService) {
  EXPECT_EQ(Run({"--config.file=/nonexistent.yml"}), 1);
  EXPECT_THAT(err_, testing::EndsWith("\npg_tls_exporter: /nonexistent.yml: No such file or directory\n"));
  EXPECT_EQ(Run({"config-check", "--config.file=/nonexistent.yml"}), 2);
  EXPECT_EQ(Run({"check", "--config.file=/nonexistent.yml"}), 2);
  setenv("PGSERVICEFILE", "/nonexistent/services", 1);
  const std::string file = dir_.Write("c.yml", "servers: [{name: a, conninfo: service=shop}]");
  for (const std::string& source : {std::string("--dsn=service=shop"), "--config.file=" + file}) {
    EXPECT_EQ(Run({source}), 1) << source;
    EXPECT_THAT(err_, HasSubstr("service file \"/nonexistent/services\" not found"));
  }
  setenv("PGSERVICEFILE", dir_.Write("services", "[other]\nhost=h\n").c_str(), 1);
  EXPECT_EQ(Run({"--dsn=service=shop"}), 2);
}

TEST_F(AppTest, AnErrorIsJsonWhereTheLogIs) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{{"collect", "--dsn=nonsense"},
                                                                     {"--nonesuch"},
                                                                     {"--web.telemetry-path=/probe"},
                                                                     {"collect", "--config.file=/nonexistent.yml"},
                                                                     {"check", "--format=xml"}}) {
    auto json = arguments;
    json.emplace_back("--log.format=json");
    EXPECT_NE(Run(json), 0);
    EXPECT_THAT(err_, StartsWith(R"({"ts":")"));
    EXPECT_THAT(err_, testing::EndsWith("}\n"));
    EXPECT_EQ(std::ranges::count(err_, '\n'), 1) << err_;
  }
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

TEST_F(AppTest, AListOfServers) {
  const auto names = [&](const std::string& list) {
    std::vector<std::string> result;
    for (const auto& server : LoadConfig(Line({"--dsn=" + list})).servers) {
      result.push_back(server.name + " <" + server.conninfo + ">");
    }
    return result;
  };
  using testing::ElementsAre;
  setenv("DATA_SOURCE_NAME", "postgresql://a@h1/x,postgresql://b:SECRET@h2:1/y,host=h3", 1);
  const auto config = LoadConfig(Line({}));
  ASSERT_EQ(config.servers.size(), 3u);
  EXPECT_EQ(config.servers[0].name, "h1:5432");
  EXPECT_EQ(config.servers[1].name, "h2:1");
  EXPECT_EQ(config.servers[2].name, "h3:5432");
  EXPECT_TRUE(config.servers[2].collector("hba").enabled);
  // All databases of a server are seen over one connection.
  EXPECT_THAT(names("postgresql://a@h/postgres,postgresql://b:s@h/other,host=h port=5432"),
              ElementsAre("h:5432 <postgresql://a@h/postgres>"));
  EXPECT_THAT(names("host=/run/a,host=/run/b port=1"),
              ElementsAre("/run/a <host=/run/a>", "/run/b <host=/run/b port=1>"));
  EXPECT_THAT(names("host=/run/a port=1,host=/run/a port=2"),
              ElementsAre("/run/a:1 <host=/run/a port=1>", "/run/a:2 <host=/run/a port=2>"));
  EXPECT_THAT(names("host=h1,h2 port=1 user=u,v"), ElementsAre("h1:1 <host=h1,h2 port=1 user=u,v>"));
}

TEST_F(AppTest, AListThatCannotBeUsedShowsNoSecret) {
  const auto error = [](const std::string& variable, const std::string& value) -> std::string {
    setenv(variable.c_str(), value.c_str(), 1);
    try {
      LoadConfig(Line({}));
    } catch (const ConfigError& caught) {
      unsetenv(variable.c_str());
      return caught.what();
    }
    unsetenv(variable.c_str());
    return "no error";
  };
  EXPECT_THAT(error("DATA_SOURCE_NAME", "postgresql://a@h1,postgresql://b:SECRET@h2/?nosuch=1"),
              StartsWith("DATA_SOURCE_NAME, entry 2: conninfo: "));
  EXPECT_THAT(error("DATA_SOURCE_NAME", "host=h hostaddr=10.0.0.1,host=h hostaddr=10.0.0.2"),
              HasSubstr("two different servers would both be named h:5432"));
  for (const char* list :
       {"postgresql://a@h1,postgresql://b:SECRET@h2/?nosuch=1", "postgresql://a@h/x;postgresql://b:SECRET@h/y",
        "postgresql://a@h/x postgresql://b:SECRET@h/y", "host=h password=SECRET x,host=h2",
        "postgresql://u@h1,u2:SECRET@h2/db", "postgresql://a@h/x,b:SECRET@h/y", "postgresql://a@h/x, b:SECRET@h/y",
        "postgresql://a@h1,postgresql://b:SECRET@h2:nosuchport/", "host=h dbname=postgresql://b:SECRET@h/y"}) {
    const std::string message = error("DATA_SOURCE_NAME", list);
    EXPECT_THAT(message, StartsWith("DATA_SOURCE_NAME")) << list;
    EXPECT_THAT(message, Not(HasSubstr("SECRET"))) << list;
  }
  for (const char* uri : {"u:SECRET@h:5432/postgres", "postgresql://u:SECRET@h/postgres"}) {
    const std::string message = error("DATA_SOURCE_URI", uri);
    EXPECT_THAT(message, StartsWith("DATA_SOURCE_URI has the form HOST:PORT/DATABASE")) << uri;
    EXPECT_THAT(message, Not(HasSubstr("SECRET")));
    EXPECT_THAT(error("DATA_SOURCE_URI_FILE", uri), Not(HasSubstr("SECRET")));
  }
  EXPECT_THAT(error("DATA_SOURCE_PASS", "SECRET"), StartsWith("DATA_SOURCE_PASS needs DATA_SOURCE_URI="));
  setenv("DATA_SOURCE_PASS", "SECRET", 1);
  EXPECT_THAT(error("DATA_SOURCE_URI", "h/postgres?nosuch=1"),
              testing::AllOf(StartsWith("DATA_SOURCE_URI: conninfo: "), Not(HasSubstr("SECRET"))));
}

TEST_F(AppTest, AServerInPartsAsPostgresExporterTakesThem) {
  const auto conninfo = [](const std::map<std::string, std::string>& variables) {
    for (const auto& [name, value] : variables) setenv(name.c_str(), value.c_str(), 1);
    const auto servers = LoadConfig(Line({})).servers;
    for (const auto& [name, value] : variables) unsetenv(name.c_str());
    return servers.size() == 1 ? servers[0].conninfo + "|" + servers[0].password_file : "not one server";
  };
  EXPECT_EQ(conninfo({{"DATA_SOURCE_URI", "db:1/postgres?sslmode=disable"}}),
            "postgresql://db:1/postgres?sslmode=disable|");
  EXPECT_EQ(
      conninfo({{"DATA_SOURCE_URI", "db:1"}, {"DATA_SOURCE_USER", "a@b"}, {"DATA_SOURCE_PASS", "p: /?#%,host=x"}}),
      "postgresql://a%40b:p%3A%20%2F%3F%23%25%2Chost%3Dx@db:1|");
  EXPECT_EQ(conninfo({{"DATA_SOURCE_URI", "/postgres?host=/run/postgresql"}, {"DATA_SOURCE_USER", "a"}}),
            "postgresql://a@/postgres?host=/run/postgresql|");
  EXPECT_EQ(conninfo({{"DATA_SOURCE_URI", "a:1,b:2/postgres"}}), "postgresql://a:1,b:2/postgres|");
  // Files win, and the password's is read again at every connect.
  EXPECT_EQ(conninfo({{"DATA_SOURCE_URI", "other"},
                      {"DATA_SOURCE_URI_FILE", dir_.Write("uri", "db/postgres\n")},
                      {"DATA_SOURCE_USER", "other"},
                      {"DATA_SOURCE_USER_FILE", dir_.Write("user", " a\n")},
                      {"DATA_SOURCE_PASS", "other"},
                      {"DATA_SOURCE_PASS_FILE", "/run/secrets/password"}}),
            "postgresql://a@db/postgres|/run/secrets/password");
  EXPECT_EQ(conninfo({{"DATA_SOURCE_NAME", "host=named"}, {"DATA_SOURCE_URI", "db"}, {"DATA_SOURCE_USER", "a"}}),
            "host=named|");
  // A file may appear later: the service tries again.
  setenv("DATA_SOURCE_URI", "db", 1);
  setenv("DATA_SOURCE_USER_FILE", "/nonexistent", 1);
  EXPECT_THROW(LoadConfig(Line({})), UnavailableError);
}

TEST_F(AppTest, SwitchesCountForEveryServer) {
  const std::string file =
      dir_.Write("c.yml",
                 "servers: [{name: a, collectors: {sessions: {enabled: true}}}, {name: b, conninfo: host=b}]\n"
                 "collectors: {hba: {enabled: false}}\n"
                 "modules: {m: {collectors: [sessions, endpoint], allowed_targets: ['db:1']}}\n");
  const auto config = LoadConfig(Line({"--config.file=" + file, "--no-collector.sessions", "--collector.hba"}));
  for (const auto& server : config.servers) {
    EXPECT_FALSE(server.collector("sessions").enabled) << server.name;
    EXPECT_TRUE(server.collector("hba").enabled) << server.name;
    EXPECT_TRUE(server.collector("settings").enabled) << server.name;
  }
  EXPECT_FALSE(config.collectors.at("sessions").enabled);
  EXPECT_THAT(config.modules[0].collectors, testing::ElementsAre("endpoint"));
}

TEST_F(AppTest, ATrapInTheTelemetryPathIsAMistakeNotACrash) { EXPECT_EQ(Run({"--web.telemetry-path=/-/ready"}), 2); }

}  // namespace
}  // namespace pgtls
