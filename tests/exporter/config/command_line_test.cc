#include "exporter/config/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectors/registry.h"
#include "exporter/config/config.h"

namespace pgtls::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using Arguments = std::vector<std::string>;

ParsedCommandLine Parsed(const Arguments& arguments) {
  return ParseCommandLine(arguments, "pg_tls_exporter 9.9", collectors::Schemas());
}

CommandLine Line(const Arguments& arguments) {
  ParsedCommandLine parsed = Parsed(arguments);
  EXPECT_TRUE(parsed.command_line) << parsed.error;
  EXPECT_EQ(parsed.exit_code, 0);
  EXPECT_EQ(parsed.out + parsed.error, "");
  return parsed.command_line.value_or(CommandLine{});
}

// What standard error says; the exit code is 2 and nothing runs.
std::string Mistake(const Arguments& arguments) {
  const ParsedCommandLine parsed = Parsed(arguments);
  EXPECT_FALSE(parsed.command_line) << testing::PrintToString(arguments);
  EXPECT_EQ(parsed.exit_code, 2) << testing::PrintToString(arguments);
  EXPECT_EQ(parsed.out, "");
  EXPECT_NE(parsed.error, "");
  EXPECT_THAT(parsed.error, Not(HasSubstr("\n")));
  return parsed.error;
}

TEST(CommandLineTest, NothingIsServeWithDefaults) {
  const CommandLine line = Line({});
  EXPECT_EQ(line.command, Command::kServe);
  EXPECT_EQ(line.config_file, "");
  EXPECT_EQ(line.dsn, std::nullopt);
  EXPECT_TRUE(line.listen_addresses.empty());
  EXPECT_EQ(line.telemetry_path, "/metrics");
  EXPECT_FALSE(line.enable_lifecycle);
  EXPECT_TRUE(line.collectors.empty());
  EXPECT_EQ(line.log_level, log::Level::kInfo);
  EXPECT_EQ(line.log_format, log::Format::kLogfmt);
}

TEST(CommandLineTest, EveryOptionInBothForms) {
  const std::vector<std::pair<std::string, std::string>> options = {
      {"--config.file", "/etc/c.yml"},
      {"--web.listen-address", "[::1]:9743"},
      {"--web.config.file", "/etc/web.yml"},
      {"--web.telemetry-path", "/m"},
      {"--log.level", "debug"},
      {"--log.format", "json"},
  };
  Arguments joined;
  Arguments apart;
  for (const auto& [name, value] : options) {
    joined.push_back(name + "=" + value);
    apart.insert(apart.end(), {name, value});
  }
  for (const auto& arguments : {joined, apart}) {
    const CommandLine line = Line(arguments);
    EXPECT_EQ(line.config_file, "/etc/c.yml");
    EXPECT_THAT(line.listen_addresses, ElementsAre("[::1]:9743"));
    EXPECT_EQ(line.web_config_file, "/etc/web.yml");
    EXPECT_EQ(line.telemetry_path, "/m");
    EXPECT_EQ(line.log_level, log::Level::kDebug);
    EXPECT_EQ(line.log_format, log::Format::kJson);
  }
  EXPECT_EQ(Line({"--dsn=host=db user=u"}).dsn, "host=db user=u");
  EXPECT_EQ(Line({"--dsn", "postgresql://u@db/?sslmode=require"}).dsn, "postgresql://u@db/?sslmode=require");
  EXPECT_TRUE(Line({"--web.enable-lifecycle"}).enable_lifecycle);
}

TEST(CommandLineTest, AShardOfTheFilesServers) {
  const std::string file = "--config.file=c.yml";
  EXPECT_EQ(Line({file}).shard, Shard{});
  EXPECT_EQ(Line({file, "--servers.shard=0/3"}).shard, (Shard{0, 3}));
  EXPECT_EQ(Line({file, "--servers.shard", "999/1000"}).shard, (Shard{999, 1000}));
  EXPECT_EQ(Line({file, "--servers.shard=0/1"}).shard, Shard{});
  for (const std::string text : {"", "1", "/", "1/", "/3", "3/3", "0/0", "-1/3", "0/1001", "0/3x", " 0/3", "+0/3",
                                 "0/3/3", "18446744073709551616/3"}) {
    EXPECT_THAT(Mistake({file, "--servers.shard=" + text}), HasSubstr("--servers.shard")) << text;
  }
  EXPECT_THAT(Mistake({file, "--servers.shard=3/3"}), HasSubstr("3/3: NUMBER/COUNT is expected, for example 0/3"));
  EXPECT_THAT(Mistake({"--dsn=host=db", "--servers.shard=0/3"}), HasSubstr("--servers.shard needs --config.file"));
}

TEST(CommandLineTest, ListenAddressesRepeat) {
  EXPECT_THAT(
      Line({"--web.listen-address=:1", "--web.listen-address", "a:2", "--web.listen-address=[::]:3"}).listen_addresses,
      ElementsAre(":1", "a:2", "[::]:3"));
  // The next word is no second address.
  EXPECT_EQ(Line({"--web.listen-address", "a:2", "collect"}).command, Command::kCollect);
}

TEST(CommandLineTest, LogLevels) {
  using log::Level;
  for (const auto& [text, level] :
       {std::pair{"debug", Level::kDebug}, {"info", Level::kInfo}, {"warn", Level::kWarn}, {"error", Level::kError}}) {
    EXPECT_EQ(Line({std::string("--log.level=") + text}).log_level, level);
    EXPECT_EQ(Line({"collect", std::string("--log.level=") + text}).log_level, level);
  }
}

TEST(CommandLineTest, EachCollectorCanBeSwitched) {
  for (const auto& [known, schema] : collectors::Schemas()) {
    const std::string name(known);
    EXPECT_EQ(Line({"--no-collector." + name}).collectors, (std::map<std::string, bool>{{name, false}}));
    EXPECT_EQ(Line({"--collector." + name}).collectors, (std::map<std::string, bool>{{name, true}}));
  }
  EXPECT_EQ(Line({"collect", "--no-collector.hba", "--collector.sessions"}).collectors,
            (std::map<std::string, bool>{{"hba", false}, {"sessions", true}}));
}

TEST(CommandLineTest, Subcommands) {
  const CommandLine check_file = Line({"config-check", "--config.file=c.yml"});
  EXPECT_EQ(check_file.command, Command::kConfigCheck);
  EXPECT_EQ(check_file.config_file, "c.yml");
  EXPECT_EQ(Line({"collect", "--dsn=host=db"}).dsn, "host=db");
  EXPECT_EQ(Line({"collect", "--config.file=c.yml"}).command, Command::kCollect);
  const CommandLine audit = Line({"check", "--dsn=host=db", "--format=json"});
  EXPECT_EQ(audit.command, Command::kCheck);
  EXPECT_EQ(audit.format, ReportFormat::kJson);
  EXPECT_EQ(Line({"check", "--format=text"}).format, ReportFormat::kText);
  EXPECT_EQ(Line({"check"}).format, ReportFormat::kText);
  EXPECT_EQ(Line({"check", "--format=html"}).format, ReportFormat::kHtml);
  EXPECT_EQ(Line({"check"}).profile, "");
  EXPECT_EQ(Line({"check", "--profile=stig"}).profile, "stig");
  EXPECT_EQ(Line({"check", "--no-collector.hba"}).collectors, (std::map<std::string, bool>{{"hba", false}}));
  EXPECT_EQ(Line({"collect"}).output, "");
  EXPECT_EQ(Line({"collect", "--output=/x.prom"}).output, "/x.prom");
  EXPECT_EQ(Line({"metrics"}).command, Command::kMetrics);
  EXPECT_FALSE(Line({"metrics"}).markdown);
  EXPECT_TRUE(Line({"metrics", "--markdown"}).markdown);
}

TEST(CommandLineTest, Explain) {
  const CommandLine line = Line({"explain", "--dsn=host=db", "--user=U", "--database=D", "--address=10.1.2.3",
                                 "--encryption=tls", "--replication", "--client-certificate"});
  EXPECT_EQ(line.command, Command::kExplain);
  EXPECT_EQ(line.explain.user, "U");
  EXPECT_EQ(line.explain.database, "D");
  EXPECT_EQ(line.explain.address, "10.1.2.3");
  EXPECT_EQ(line.explain.encryption, "tls");
  EXPECT_TRUE(line.explain.replication);
  EXPECT_TRUE(line.explain.client_certificate);
  const CommandLine least = Line({"explain", "--user=U", "--database=D"});
  EXPECT_EQ(least.explain.address, "");
  EXPECT_EQ(least.explain.encryption, "none");
  EXPECT_FALSE(least.explain.replication);
  EXPECT_THAT(Mistake({"explain", "--database=D"}), HasSubstr("--user"));
  EXPECT_THAT(Mistake({"explain", "--user=U"}), HasSubstr("--database"));
  EXPECT_THAT(Mistake({"explain", "--user=U", "--database=D", "--encryption=ssl"}), HasSubstr("--encryption"));
}

TEST(CommandLineTest, Report) {
  const std::string url = "--prometheus.url=https://prometheus:9090";
  const CommandLine line =
      Line({"report", url, "--http.config.file=h.yml", "--since=90d", "--server=a", "--server=b", "--format=html"});
  EXPECT_EQ(line.command, Command::kReport);
  EXPECT_EQ(line.report.prometheus_url, "https://prometheus:9090");
  EXPECT_EQ(line.report.http_config_file, "h.yml");
  EXPECT_EQ(line.report.since, std::chrono::days(90));
  EXPECT_EQ(line.report.servers, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(line.format, ReportFormat::kHtml);
  EXPECT_EQ(Line({"report", url, "--since=30m"}).report.since, std::chrono::minutes(30));
  EXPECT_EQ(Line({"report", url, "--since=12h"}).report.since, std::chrono::hours(12));
  EXPECT_EQ(Line({"report", url, "--since=52w"}).report.since, std::chrono::weeks(52));
  EXPECT_THAT(Mistake({"report", "--since=90d"}), HasSubstr("--prometheus.url"));
  EXPECT_THAT(Mistake({"report", url}), HasSubstr("--since"));
  for (const char* since : {"", "0d", "90", "d", "-1d", "1.5d", "90s", "367d", "9999999d", "1h30m"})
    EXPECT_THAT(Mistake({"report", url, std::string("--since=") + since}), HasSubstr("--since")) << since;
  EXPECT_THAT(Mistake({"report", url, "--since=1d", "--server="}), HasSubstr("--server"));
  EXPECT_THAT(Mistake({"report", url, "--since=1d", "--profile=cis"}), HasSubstr("--profile"));
}

TEST(CommandLineTest, HelpAndVersionExitWithZero) {
  const ParsedCommandLine version = Parsed({"--version"});
  EXPECT_FALSE(version.command_line);
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_EQ(version.out, "pg_tls_exporter 9.9\n");
  EXPECT_EQ(version.error, "");
  const ParsedCommandLine help = Parsed({"--help"});
  EXPECT_FALSE(help.command_line);
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_EQ(help.error, "");
  for (const char* word :
       {"--config.file", "--dsn", "--web.listen-address", "--web.config.file", "--web.telemetry-path",
        "--no-collector.sessions", "--log.level", "--log.format", "--version", "config-check", "collect", "check",
        "explain", "report", "metrics", "DATA_SOURCE_NAME"}) {
    EXPECT_THAT(help.out, HasSubstr(word));
  }
  for (const char* command : {"config-check", "collect", "check", "explain", "report", "metrics"}) {
    const ParsedCommandLine of = Parsed({command, "--help"});
    EXPECT_EQ(of.exit_code, 0) << command;
    EXPECT_THAT(of.out, HasSubstr(command));
  }
}

TEST(CommandLineTest, MistakesExitWithTwo) {
  EXPECT_THAT(Mistake({"--nonesuch"}), HasSubstr("--nonesuch"));
  EXPECT_THAT(Mistake({"--no-collector.nonesuch"}), HasSubstr("--no-collector.nonesuch"));
  EXPECT_THAT(Mistake({"--config.file=a", "--dsn=b"}), HasSubstr("exclude each other"));
  EXPECT_THAT(Mistake({"collect", "--config.file=a", "--dsn=b"}), HasSubstr("exclude each other"));
  EXPECT_THAT(Mistake({"--log.level=loud"}), HasSubstr("--log.level"));
  EXPECT_THAT(Mistake({"--log.format=xml"}), HasSubstr("--log.format"));
  EXPECT_THAT(Mistake({"--dsn"}), HasSubstr("--dsn"));
  EXPECT_THAT(Mistake({"--dsn="}), HasSubstr("--dsn"));  // of a variable that is not set: no silent localhost
  EXPECT_THAT(Mistake({"config-check"}), HasSubstr("--config.file"));
  EXPECT_THAT(Mistake({"check", "--format=yaml"}), HasSubstr("--format"));
  EXPECT_THAT(Mistake({"collect", "--output="}), HasSubstr("--output"));
  EXPECT_THAT(Mistake({"--output=x"}), HasSubstr("--output"));
  Mistake({"collect", "metrics"});
  Mistake({"frobnicate"});
}

// These paths are the exporter's own, or would not survive a link.
TEST(CommandLineTest, TelemetryPathsThatCannotBe) {
  for (const char* path :
       {"/",    "",     "metrics", "/probe",       "/sd",  "/-",     "/-/",         "/-/healthy", "/-/x",
        "/m?x", "/m x", " /m",     "/\"><script>", "/m#x", "/m%20",  "/m\n",        "/m/",        "/probe/",
        "//",   "//m",  "/a//b",   "/.",           "/..",  "/a/./b", "/a/../probe", "*",          "http://a/m"}) {
    EXPECT_THAT(Mistake({std::string("--web.telemetry-path=") + path}), HasSubstr("--web.telemetry-path")) << path;
  }
  for (const char* path : {"/a/b_c.d~e-f", "/probes", "/sd/x", "/probe/metrics", "/-a", "/.well-known/metrics"}) {
    EXPECT_EQ(Line({std::string("--web.telemetry-path=") + path}).telemetry_path, path);
  }
}

// A program that reads the log reads its last line too.
TEST(CommandLineTest, AMistakeIsReportedInTheFormatOfTheLog) {
  EXPECT_EQ(Parsed({"--nonesuch"}).log_format, log::Format::kLogfmt);
  EXPECT_EQ(Parsed({"--nonesuch", "--log.format=json"}).log_format, log::Format::kJson);
  EXPECT_EQ(Parsed({"--log.format", "json", "--nonesuch"}).log_format, log::Format::kJson);
  EXPECT_EQ(Parsed({"collect", "--log.format=json", "--format=x"}).log_format, log::Format::kJson);
  EXPECT_EQ(Parsed({"--log.format=jso", "--nonesuch"}).log_format, log::Format::kLogfmt);
  EXPECT_EQ(Parsed({"--log.format"}).log_format, log::Format::kLogfmt);
}

TEST(CommandLineTest, AMistakeNeverRepeatsAPassword) {
  // A DSN without quotes, as a shell splits it; an option that is misspelt.
  for (const Arguments& arguments :
       {Arguments{"--dsn", "host=db", "password=hunter2", "user=u"}, Arguments{"--dsn=host=db", "hunter2"},
        Arguments{"collect", "--dsn", "host=db", "password=hunter2"}, Arguments{"--dns=host=db password=hunter2"},
        Arguments{"postgresql://u:hunter2@db/"}}) {
    EXPECT_THAT(Mistake(arguments), Not(HasSubstr("hunter2")));
  }
}

std::string Hidden(const Arguments& arguments) {
  Arguments copy = arguments;
  copy.insert(copy.begin(), "pg_tls_exporter");
  std::vector<char*> argv;
  for (auto& argument : copy) argv.push_back(argument.data());
  HideDsn(static_cast<int>(argv.size()), argv.data());
  std::string shown;
  for (std::size_t i = 1; i < copy.size(); ++i) shown += (i == 1 ? "" : " ") + copy[i];
  return shown;
}

TEST(HideDsnTest, OverwritesTheDsnAndNothingElse) {
  EXPECT_EQ(Hidden({"--dsn=password=s"}), "--dsn=xxxxxxxxxx");
  EXPECT_EQ(Hidden({"--dsn", "password=s", "--log.level=info"}), "--dsn xxxxxxxxxx --log.level=info");
  EXPECT_EQ(Hidden({"collect", "--dsn", "a", "--dsn=b"}), "collect --dsn x --dsn=x");
  EXPECT_EQ(Hidden({"--dsn"}), "--dsn");
  EXPECT_EQ(Hidden({"--dsn="}), "--dsn=");
  EXPECT_EQ(Hidden({"--dsnx=a", "--config.file=b"}), "--dsnx=a --config.file=b");
}

}  // namespace
}  // namespace pgtls::config
