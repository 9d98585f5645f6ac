// What the commands print: all of it arrives, or the exit code says that it did not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/e2e/exporter.h"

namespace pgtls::e2e {
namespace {

using support::TempDir;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const std::string kDown = "--dsn='host=127.0.0.1 port=1'";

// `$E` is the program.
support::ProcessResult Shell(const std::string& script, const std::map<std::string, std::string>& more = {}) {
  auto environment = Environment(more);
  environment["E"] = PGTLS_EXPORTER;
  return support::RunProcess({"bash", "-c", script}, {.environment = environment});
}

// Every command, as it ends without a server.
std::vector<std::string> Commands(const TempDir& dir) {
  const std::string config = dir.Write("c.yml", "servers: [{name: a, conninfo: host=127.0.0.1 port=1}]\n");
  return {"--help",
          "--version",
          "check --help",
          "report --help",
          "metrics",
          "metrics --markdown",
          "config-check --config.file=" + config,
          "collect " + kDown,
          "check " + kDown,
          "check --format=json " + kDown,
          "explain --user=u --database=d --address=10.0.0.1 " + kDown};
}

TEST(Output, EachEndsWithANewline) {
  const TempDir dir;
  for (const auto& command : Commands(dir)) {
    const auto result = Shell("$E " + command);
    EXPECT_THAT(result.out, EndsWith("\n")) << command;
    EXPECT_THAT(result.out, Not(EndsWith("\n\n"))) << command;
  }
}

TEST(Output, WhatCouldNotBeWrittenIsExitCodeTwoAndOneLine) {
  const TempDir dir;
  for (const auto& command : Commands(dir)) {
    // The last one: a pipe whose reader is gone.
    for (const auto& [script, why] : {std::pair{"$E " + command + " > /dev/full", "No space left on device"},
                                      {"$E " + command + " >&-", "Bad file descriptor"},
                                      {"exec 3> >(exec true); wait $!; $E " + command + " >&3", "Broken pipe"}}) {
      const auto result = Shell(script);
      EXPECT_EQ(result.exit_code, 2) << script << result.err;
      EXPECT_THAT(result.err, EndsWith(std::string("pg_tls_exporter: cannot write standard output: ") + why + "\n"))
          << script;
    }
  }
}

TEST(Collect, LeavesOutWhatNodeExporterHasItself) {
  const auto result = Shell("$E collect " + kDown);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("pg_tls_exporter_build_info{"));
  EXPECT_THAT(result.out, Not(HasSubstr("process_")));
  EXPECT_THAT(result.out, Not(HasSubstr("pg_tls_exporter_http_requests_total")));
}

TEST(Collect, ReplacesAFileAsAWhole) {
  const TempDir dir;
  const std::string file = dir.path() + "/pg_tls.prom";
  const auto collect = [&](const std::string& output) {
    return Shell("umask 077; $E collect " + kDown + " --output=" + output);
  };
  const auto mode = [](const std::string& path) {
    struct stat status{};
    EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
    return status.st_mode & 07777;
  };
  const auto entries = [&] {
    const std::filesystem::directory_iterator all(dir.path());
    return std::distance(begin(all), end(all));
  };

  auto result = collect(file);
  EXPECT_EQ(result.exit_code, 1) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_TRUE(HasLine(support::ReadFile(file), "pg_tls_up{server=\"127.0.0.1:1\"} 0"));
  EXPECT_EQ(mode(file), 0644u);

  // An open reader keeps what it has.
  dir.Write("pg_tls.prom", "old\n");
  std::filesystem::create_hard_link(file, dir.path() + "/old");
  std::filesystem::create_symlink("pg_tls.prom", dir.path() + "/link");
  EXPECT_EQ(collect(dir.path() + "/link").exit_code, 1);
  EXPECT_EQ(support::ReadFile(dir.path() + "/old"), "old\n");
  EXPECT_THAT(support::ReadFile(file), StartsWith("# HELP "));
  EXPECT_TRUE(std::filesystem::is_symlink(dir.path() + "/link"));
  std::filesystem::create_symlink("new.prom", dir.path() + "/dangling");
  EXPECT_EQ(collect(dir.path() + "/dangling").exit_code, 1);
  EXPECT_THAT(support::ReadFile(dir.path() + "/new.prom"), StartsWith("# HELP "));
  EXPECT_EQ(entries(), 5);  // pg_tls.prom, old, link, dangling, new.prom

  // Relative to the working directory.
  result = Shell("cd " + dir.path() + " && $E collect " + kDown + " --output=relative.prom");
  EXPECT_EQ(result.exit_code, 1) << result.err;
  EXPECT_THAT(support::ReadFile(dir.path() + "/relative.prom"), StartsWith("# HELP "));
}

TEST(Collect, WritesIntoWhatIsNoRegularFile) {
  const auto result = Shell("$E collect " + kDown + " --output=/dev/stdout | cat");
  EXPECT_THAT(result.out, StartsWith("# HELP "));
  EXPECT_EQ(Shell("$E collect " + kDown + " --output=/dev/null").exit_code, 1);
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

TEST(Collect, AFileThatCannotBeWrittenIsExitCodeTwo) {
  const TempDir dir;
  const std::string old = dir.Write("loop", "");
  std::filesystem::remove(old);
  std::filesystem::create_symlink("loop", old);
  for (const auto& [file, why] : {std::pair<std::string, std::string>{dir.path(), "Is a directory"},
                                  {dir.path() + "/", "Is a directory"},
                                  {dir.path() + "/missing/x.prom", "No such file or directory"},
                                  {"/dev/full", "No space left on device"},
                                  {"/proc/x.prom", "No such file or directory"},
                                  {old, "Too many levels of symbolic links"}}) {
    const auto result = Shell("$E collect " + kDown + " --output=" + file);
    EXPECT_EQ(result.exit_code, 2) << file;
    EXPECT_THAT(result.err, HasSubstr("pg_tls_exporter: cannot write "));
    EXPECT_THAT(result.err, EndsWith(": " + why + "\n")) << file;
  }
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/full"));
}

// A file system of its own that has no room for the page.
TEST(Collect, AFullDiskLeavesTheOldFile) {
  const TempDir dir;
  const std::string script = "mount -t tmpfs -o size=4k tmpfs " + dir.path() + " && cd " + dir.path() +
                             " && echo old > x.prom && $E collect " + kDown +
                             " --output=x.prom; echo \"exit $?\"; cat x.prom; ls -A | wc -l";
  const auto result =
      support::RunProcess({"unshare", "--map-root-user", "--mount", "bash", "-c", script}, {.environment = [] {
                            auto environment = Environment();
                            environment["E"] = PGTLS_EXPORTER;
                            return environment;
                          }()});
  EXPECT_EQ(result.out, "exit 2\nold\n1\n") << result.err;
  EXPECT_THAT(result.err, EndsWith("pg_tls_exporter: cannot write x.prom: No space left on device\n"));
}

TEST(Collect, ADirectoryThatMayNotBeWrittenIsExitCodeTwo) {
  const TempDir dir;
  chmod(dir.path().c_str(), 0755);
  const auto result =
      support::RunProcess({PGTLS_EXPORTER, "collect", "--dsn=host=127.0.0.1 port=1", "--output=" + dir.path() + "/x"},
                          {.environment = Environment(), .user = "daemon"});
  if (geteuid() == 0) {
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.err, EndsWith("cannot write " + dir.path() + "/x: Permission denied\n"));
  } else {
    EXPECT_EQ(result.exit_code, 1);
  }
}

}  // namespace
}  // namespace pgtls::e2e
