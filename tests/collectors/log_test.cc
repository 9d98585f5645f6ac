// The log collector by the settings of its server, with files on this machine.
#include "collectors/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "exporter/serverlog/summary.h"
#include "tests/collectors/harness.h"
#include "tests/support/files.h"
#include "tests/support/golden.h"

namespace pgtls::collectors {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kTls = "SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)";

class LogTest : public testing::Test {
 protected:
  LogTest() {
    harness_.options<LogOptions>().files = {directory_.path() + "/*.log"};
    Answer({});
  }
  // The settings of a server, with these instead of the usual ones.
  void Answer(const std::vector<std::pair<std::string, std::string>>& changed) {
    std::vector<std::pair<std::string, std::string>> settings = {{"now_ms", "1795815057000"},
                                                                 {"utc_offset", "0"},
                                                                 {"load_time", "1795810000"},
                                                                 {"logging_collector", "f"},
                                                                 {"destination", "stderr"},
                                                                 {"connections", "on"},
                                                                 {"line_prefix", "%m [%p] "},
                                                                 {"messages", "C"},
                                                                 {"min_messages", "warning"},
                                                                 {"host_names", "f"},
                                                                 {"directory", "log"},
                                                                 {"filename", "pg.log"},
                                                                 {"data_directory", "/data"},
                                                                 {"own_messages", "f"},
                                                                 {"own_min_messages", "f"},
                                                                 {"session_start", "1795810000"},
                                                                 {"has_function", "f"},
                                                                 {"port", "5432"},
                                                                 {"postmaster_start", "1795810000"}};
    std::vector<std::string> columns;
    std::vector<std::optional<std::string>> row;
    for (auto& [name, value] : settings) {
      for (const auto& [changed_name, other] : changed) {
        if (changed_name == name) value = other;
      }
      columns.push_back(name);
      row.emplace_back(value);
    }
    harness_.fake.answers["log_settings"] = {columns, {row}};
  }
  std::vector<std::string> Parts() {
    std::vector<std::string> parts;
    for (const auto& [part, reason, detail] : harness_.Collect().incomplete) parts.push_back(part + " " + reason);
    return parts;
  }
  void Append(const std::string& text, const std::string& name = "pg.log") {
    std::ofstream(directory_.path() + "/" + name, std::ios::app) << text;
  }
  static std::string Line(int pid, const std::string& message) {
    return "2026-11-27 21:30:00.000 UTC [" + std::to_string(pid) + "] LOG:  " + message + "\n";
  }
  static std::string Connection(int pid, const std::string& host, const std::string& rest) {
    return Line(pid, "connection received: host=" + host + " port=40000") + Line(pid, "connection authorized: " + rest);
  }

  support::TempDir directory_;
  Harness harness_{LogCollector()};
};

TEST_F(LogTest, Page) {
  Append("begun\n");
  harness_.Collect();
  Append(Connection(1, "10.0.0.7", "user=bob database=shop application_name=psql"));
  Append(Connection(2, "10.0.0.8", std::string("user=ann database=shop ") + kTls));
  Append(Connection(3, "127.0.0.1", "user=eve database=shop"));
  Append(Line(4, "connection received: host=10.0.0.9 port=40000") +
         Line(4, "connection authenticated: identity=\"ann\" method=md5 (/etc/pg_hba.conf:7)") +
         "2026-11-27 21:30:00.000 UTC [5] FATAL:  no pg_hba.conf entry for host \"10.0.0.9\", user \"ann\", database "
         "\"shop\", no encryption\n" +
         Line(6, "could not accept SSL connection: unsupported protocol"));
  EXPECT_TRUE(support::MatchesGolden("tests/collectors/testdata/log.prom", harness_.CollectPage()));
  EXPECT_THAT(Parts(), IsEmpty());
  const auto summary = harness_.Collect().facts.Get<serverlog::Summary>();
  ASSERT_EQ(summary->unencrypted.size(), 2u);
  EXPECT_EQ(summary->rejected, 1u);
}

TEST_F(LogTest, WhatItCannotCountIsNotZero) {
  Append(Connection(1, "10.0.0.7", "user=bob database=shop"));
  const std::vector<std::pair<std::pair<std::string, std::string>, std::string>> cases = {
      {{"messages", "de_DE.UTF-8"}, "translated lc_messages"},
      {{"messages", ""}, "translated lc_messages"},
      {{"min_messages", "panic"}, "log_connections log_min_messages"},
      {{"own_messages", "t"}, "translated role_setting"},
      {{"own_min_messages", "t"}, "log_connections role_setting"},
      {{"connections", "off"}, "log_connections off"},
      {{"connections", "receipt, authentication,setup_durations"}, "log_connections off"},
  };
  for (const auto& [setting, part] : cases) {
    Answer({setting});
    EXPECT_THAT(Parts(), ElementsAre(part));
    EXPECT_THAT(harness_.CollectPage(), Not(HasSubstr("pg_tls_logged_"))) << part;
    EXPECT_EQ(harness_.Collect().facts.Get<serverlog::Summary>(), nullptr) << part;
  }
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"messages", "POSIX"},
                                                        {"messages", "en_US.UTF-8"},
                                                        {"messages", "C.UTF-8"},
                                                        {"connections", "all"},
                                                        {"connections", "receipt, authorization"},
                                                        {"min_messages", "error"}}) {
    Answer({{name, value}});
    EXPECT_THAT(Parts(), IsEmpty()) << name << value;
    EXPECT_THAT(harness_.CollectPage(), HasSubstr("pg_tls_logged_unencrypted_sessions_total")) << name << value;
  }
}

TEST_F(LogTest, WithoutAFile) {
  EXPECT_THAT(Parts(), ElementsAre("logging_collector no_file"));
  EXPECT_THAT(harness_.CollectPage(), Not(HasSubstr("pg_tls_log")));
  harness_.options<LogOptions>().files.clear();
  EXPECT_THAT(Parts(), ElementsAre("logging_collector off"));
  Answer({{"logging_collector", "t"}, {"destination", "syslog, eventlog"}});
  EXPECT_THAT(Parts(), ElementsAre("logging_collector log_destination"));
  Answer({{"logging_collector", "t"}});
  EXPECT_THAT(Parts(), ElementsAre("logging_collector insufficient_privilege"));
  harness_.options<LogOptions>().read_via = ReadVia::kSql;
  EXPECT_THAT(Parts(), ElementsAre("logging_collector insufficient_privilege"));
}

// Opening it would take records away from its reader, or wait for ever.
TEST_F(LogTest, AFifoIsNotOpened) {
  ASSERT_EQ(mkfifo((directory_.path() + "/pg.log").c_str(), 0600), 0);
  EXPECT_THAT(Parts(), ElementsAre("fifo fifo"));
  EXPECT_THAT(harness_.CollectPage(), Not(HasSubstr("pg_tls_log")));
}

TEST_F(LogTest, WithoutAPidNothingIsCounted) {
  Append("begun\n");
  Answer({{"line_prefix", "%m "}});
  harness_.Collect();
  Append("2026-11-27 21:30:00.000 UTC LOG:  connection authorized: user=bob database=shop\n");
  EXPECT_THAT(Parts(), Contains("format log_line_prefix"));
  EXPECT_THAT(harness_.CollectPage(), Not(HasSubstr("pg_tls_logged_")));
}

TEST_F(LogTest, DoubtsOfThePlainLog) {
  Append("begun\n");
  harness_.Collect();
  Answer({{"host_names", "t"}});
  EXPECT_THAT(Parts(), ElementsAre("format log_hostname"));
  Answer({});
  const std::string text = "LOG:  statement: SELECT 'LOG:  connection authorized: user=x'\n";
  Append("2026-11-27 21:30:00.000 UTC [7] " + text);
  EXPECT_THAT(Parts(), IsEmpty());
  // The name of a user may look like a severity.
  Answer({{"line_prefix", "%m [%p] %u "}});
  Append("2026-11-27 21:30:00.000 UTC [7] bob " + text);
  EXPECT_THAT(Parts(), ElementsAre("format ambiguous"));
}

// It may have come over a Unix socket, or from anywhere.
TEST_F(LogTest, ASessionWithoutAnAddressIsNotCounted) {
  Append("begun\n");
  harness_.Collect();
  Append(Line(8, "connection authorized: user=bob database=shop"));
  EXPECT_THAT(Parts(), ElementsAre("format no_address"));
  EXPECT_THAT(harness_.CollectPage(), Not(HasSubstr("user=\"bob\"")));
}

// It belongs to another server, or the server no longer writes to it.
TEST_F(LogTest, AFileThatWasNotWrittenToSinceTheLoginIsNotTheLog) {
  Append("begun\n");
  Answer({{"session_start", "4000000000"}});
  EXPECT_THAT(Parts(), ElementsAre("logging_collector no_records"));
  EXPECT_THAT(harness_.CollectPage(), Not(HasSubstr("pg_tls_logged_")));
}

TEST_F(LogTest, AStateFileKeepsThePosition) {
  Append("begun\n");
  harness_.options<LogOptions>().state_file = directory_.path() + "/state";
  harness_.Collect();
  Append(Connection(1, "10.0.0.7", "user=bob database=shop"));
  {
    Harness again(LogCollector());
    again.fake.answers = harness_.fake.answers;
    again.options<LogOptions>() = harness_.options<LogOptions>();
    EXPECT_THAT(again.CollectPage(), HasSubstr("user=\"bob\""));
  }
  Harness again(LogCollector());
  again.fake.answers = harness_.fake.answers;
  again.options<LogOptions>() = harness_.options<LogOptions>();
  EXPECT_THAT(again.CollectPage(), Not(HasSubstr("user=\"bob\"")));
  struct stat status{};
  ASSERT_EQ(stat((directory_.path() + "/state").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0600u);
}

TEST_F(LogTest, AStateFileThatCannotBeWrittenHidesNothing) {
  Append("begun\n");
  harness_.options<LogOptions>().state_file = directory_.path() + "/nonesuch/state";
  EXPECT_THAT(Parts(), ElementsAre("state_file unwritable"));
  EXPECT_THAT(harness_.CollectPage(), HasSubstr("pg_tls_logged_unencrypted_sessions_total"));
}

TEST_F(LogTest, AnotherLogIsAGap) {
  Append("begun\n");
  harness_.Collect();
  Append("begun\n", "other");
  harness_.options<LogOptions>().files = {directory_.path() + "/other"};
  EXPECT_THAT(Parts(), ElementsAre("gap lost"));
}

TEST_F(LogTest, ADamagedStateFileIsAnError) {
  Append("begun\n");
  Append("{", "state");
  harness_.options<LogOptions>().state_file = directory_.path() + "/state";
  EXPECT_THAT([&] { harness_.Collect(); },
              testing::ThrowsMessage<Error>(AllOf(HasSubstr("state_file"), HasSubstr("remove it"))));
}

TEST_F(LogTest, AnExemptionAllows) {
  Append("begun\n");
  harness_.server.policy.allow_unencrypted = {{.name = "erp", .user = "bob"}};
  harness_.Collect();
  Append(Connection(1, "10.0.0.7", "user=bob database=shop"));
  Append(Connection(2, "10.0.0.7", "user=bob database=x database=shop"));  // whose name is it?
  const std::string page = harness_.CollectPage();
  EXPECT_THAT(page, AllOf(HasSubstr("network=\"remote\",allowed=\"true\"} 1\n"),
                          HasSubstr("network=\"remote\",allowed=\"false\"} 1\n")));
}

}  // namespace
}  // namespace pgtls::collectors
