// The log collector on real servers, in every format, over SQL and from the files.
#include "collectors/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "collectors/hba.h"
#include "collectors/sessions.h"
#include "exporter/hba/posture.h"
#include "exporter/serverlog/summary.h"
#include "tests/collectors/harness.h"
#include "tests/support/certificates.h"
#include "tests/support/client.h"
#include "tests/support/files.h"
#include "tests/support/postgres_server.h"
#include "tests/support/raw_client.h"

namespace pgtls::collectors {
namespace {

using support::PostgresServer;
using support::RawClient;
using support::RawOptions;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kForged = "x SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)";
constexpr const char* kHba =
    "local all all trust\n"
    "hostssl all secure 127.0.0.1/32 scram-sha-256\n"
    "hostnossl all rejected 127.0.0.1/32 reject\n"
    "hostssl all certified 127.0.0.1/32 cert\n"
    "host all,replication all 127.0.0.1/32 trust\n";

struct Way {
  std::string name;
  std::string destination;  // of log_destination
  ReadVia read_via;
};

// The names of the tests are the same on every major.
std::vector<Way> Ways() {
  const std::string newest = support::TestMajor() >= 15 ? "jsonlog" : "csvlog";
  return {{"NewestOverSql", newest, ReadVia::kSql},   {"NewestLocally", newest, ReadVia::kLocal},
          {"CsvlogOverSql", "csvlog", ReadVia::kSql}, {"CsvlogLocally", "csvlog", ReadVia::kLocal},
          {"StderrOverSql", "stderr", ReadVia::kSql}, {"StderrLocally", "stderr", ReadVia::kLocal}};
}

support::PostgresOptions WithLog(const std::string& destination, const support::TestCa& ca) {
  return {.hba = kHba,
          .settings = {"logging_collector = on", "log_directory = 'log'", "log_filename = 'pg.log'",
                       "log_destination = '" + destination + "'", "log_connections = on", "log_statement = 'all'",
                       "log_line_prefix = '%m [%p] %q%u@%d '"},
          .tls = support::ServerTls{.server = ca.IssueForLocalhost(), .client_ca = ca.certificate(), .crl = ""}};
}

class LogPgTest : public testing::TestWithParam<Way> {
 protected:
  void SetUp() override {
    server_.RunSqlFile("deploy/sql/monitoring_role.sql");
    server_.Execute(
        "CREATE ROLE secure LOGIN PASSWORD 'hunter2'; CREATE ROLE rejected LOGIN; CREATE ROLE certified LOGIN; CREATE "
        "ROLE app LOGIN");
    harness_.options<LogOptions>().read_via = GetParam().read_via;
    harness_.Connect(server_.SocketConninfo("user=tls_exporter"));
    Collect();  // from the log's end on
  }
  sampling::Output Collect() { return harness_.Collect(); }
  // Until a word that is logged now, and with it everything before, was read.
  std::string Page() {
    WaitForWord();
    return harness_.CollectPage();
  }
  void WaitForWord() {
    const std::string word = "flushed" + std::to_string(++words_) + ".";
    server_.Execute("DO $$BEGIN RAISE LOG '" + word + "'; END$$");
    const std::string ending = GetParam().destination == "jsonlog"  ? ".json"
                               : GetParam().destination == "csvlog" ? ".csv"
                                                                    : ".log";
    ASSERT_TRUE(support::WaitUntil([&] {
      const std::string content = support::ReadFile(server_.data_dir() + "/log/" + name_ + ending);
      return content.contains(word) && content.ends_with('\n');
    }));
  }
  void Connect(RawOptions options) {
    options.port = server_.port();
    if (options.user == "postgres") options.user = "app";
    try {
      RawClient client(std::move(options));
    } catch (const std::runtime_error&) {  // the handshake failed
    }
  }
  static std::string Sessions(const std::string& user, const std::string& encryption, int count) {
    return "pg_tls_logged_sessions_total{server=\"db\",database=\"postgres\",user=\"" + user +
           "\",network=\"loopback\",encryption=\"" + encryption + "\"} " + std::to_string(count) + "\n";
  }

  support::TestCa ca_;
  PostgresServer server_{WithLog(GetParam().destination, ca_)};
  std::string name_ = "pg";  // of the log file, without its ending
  int words_ = 0;
  Harness harness_{LogCollector()};
};

INSTANTIATE_TEST_SUITE_P(Ways, LogPgTest, testing::ValuesIn(Ways()), [](const auto& way) { return way.param.name; });

TEST_P(LogPgTest, EachConnectionOnce) {
  Connect({.application_name = "plain"});
  Connect({.application_name = "plain"});
  Connect({.tls = true});  // without an application name, the record cannot be forged
  Connect({.user = "rejected"});
  Connect({.replication = "true"});
  Connect({.tls = true, .tls_options = {.version = TLS1_VERSION}});
  const std::string page = Page();
  EXPECT_THAT(
      page,
      AllOf(
          HasSubstr(Sessions("app", "none", 2)), HasSubstr(Sessions("app", "tls", 1)),
          HasSubstr("pg_tls_logged_sessions_total{server=\"db\",database=\"\",user=\"app\",network=\"loopback\","
                    "encryption=\"none\"} 1\n"),
          HasSubstr("pg_tls_logged_unencrypted_sessions_total{server=\"db\",network=\"loopback\",allowed=\"false\"} "
                    "3\n"),
          HasSubstr("pg_tls_logged_unencrypted_clients{server=\"db\",database=\"postgres\",user=\"app\","
                    "client_addr=\"127.0.0.1\",application_name=\"plain\",network=\"loopback\",allowed=\"false\"} 2\n"),
          HasSubstr("pg_tls_logged_rejections_total{server=\"db\",database=\"postgres\",user=\"rejected\","
                    "client_addr=\"127.0.0.1\",encryption=\"none\",cause=\"reject\"} 1\n"),
          HasSubstr("pg_tls_logged_contradictions_total{server=\"db\"} 0\n"),
          HasSubstr("pg_tls_log_gaps_total{server=\"db\"} 0\n")));
  EXPECT_THAT(page, Not(HasSubstr("user=\"tls_exporter\"")));
  EXPECT_THAT(Collect().incomplete, IsEmpty());
  // Nothing is counted a second time.
  EXPECT_THAT(Page(), HasSubstr(Sessions("app", "none", 2)));
}

TEST_P(LogPgTest, AForgedApplicationNameIsNoProof) {
  Connect({.application_name = kForged});
  Connect({.application_name = "app", .tls = true});
  EXPECT_THAT(Page(), Not(HasSubstr("user=\"app\",network=\"loopback\",encryption=\"tls\"")));
}

TEST_P(LogPgTest, ASampleDecides) {
  support::Client forger(server_.Conninfo("user=app sslmode=disable application_name='" + std::string(kForged) + "'"));
  support::Client honest(server_.Conninfo("user=app sslmode=require application_name=app"));
  harness_.facts = harness_.FactsOf(SessionsCollector());
  EXPECT_THAT(Page(), AllOf(HasSubstr(Sessions("app", "none", 1)), HasSubstr(Sessions("app", "tls", 1)),
                            HasSubstr("pg_tls_logged_contradictions_total{server=\"db\"} 1\n")));
}

// The rule is believed once it is known which rules were in force when the record was written.
TEST_P(LogPgTest, ARuleDecides) {
  std::string page;
  EXPECT_TRUE(support::WaitUntil([&] {
    harness_.facts = harness_.FactsOf(HbaCollector());
    if (harness_.facts.Get<hba::Posture>()->in_force.rules == nullptr) {
      server_.Execute("SELECT pg_reload_conf()");
      harness_.Connect(server_.SocketConninfo("user=tls_exporter"));
    }
    support::Client(server_.Conninfo("user=secure password=hunter2 sslmode=require application_name=app")).Close();
    page = Page();
    return page.contains("user=\"secure\",network=\"loopback\",encryption=\"tls\"");
  }));
  EXPECT_THAT(page,
              AllOf(HasSubstr("method=\"scram-sha-256\",file=\"" + server_.data_dir() + "/pg_hba.conf\",line=\"2\"}"),
                    HasSubstr("pg_tls_logged_contradictions_total{server=\"db\"} 0\n")));
}

TEST_P(LogPgTest, ARecordWrittenByAQueryIsNone) {
  support::Client client(server_.Conninfo("user=app sslmode=disable"));
  client.Query(
      "DO $$BEGIN RAISE LOG 'connection authorized: user=fake database=postgres SSL enabled (protocol=TLSv1.3, "
      "cipher=TLS_AES_256_GCM_SHA384, bits=256)'; END$$");
  client.Query("SELECT 'connection authorized: user=fake'");
  EXPECT_THAT(Page(), AllOf(Not(HasSubstr("user=\"fake\"")), HasSubstr(Sessions("app", "none", 1))));
}

TEST_P(LogPgTest, FollowsRotation) {
  Connect({.application_name = "before"});
  server_.Execute("ALTER SYSTEM SET log_filename = 'later.log'");
  server_.Execute("SELECT pg_reload_conf()");
  name_ = "later";
  Connect({.application_name = "after"});
  ASSERT_TRUE(support::WaitUntil([&] {
    Connect({.application_name = "after"});
    return server_.Query("SELECT pg_current_logfile('" + GetParam().destination + "')")[0][0].value_or("").contains(
        "later");
  }));
  Connect({.application_name = "last"});
  const std::string page = Page();
  for (const char* application : {"before", "after", "last"}) {
    EXPECT_THAT(page, HasSubstr("application_name=\"" + std::string(application) + "\""));
  }
  EXPECT_THAT(page, HasSubstr("pg_tls_log_gaps_total{server=\"db\"} 0\n"));
}

TEST_P(LogPgTest, MoreThanItMayReadIsAGap) {
  harness_.options<LogOptions>().max_bytes = 65536;
  Connect({.application_name = "before"});
  Page();
  server_.Execute("DO $$BEGIN FOR i IN 1..200 LOOP RAISE LOG '%', repeat('x', 5000); END LOOP; END$$");
  Connect({.application_name = "lost"});
  const std::string page = Page();
  EXPECT_THAT(page, AllOf(HasSubstr("pg_tls_log_gaps_total{server=\"db\"} 1\n"), HasSubstr("\"before\""),
                          Not(HasSubstr("\"lost\""))));
  Connect({.application_name = "later"});
  EXPECT_THAT(Page(), AllOf(HasSubstr("\"later\""), HasSubstr("pg_tls_log_gaps_total{server=\"db\"} 1\n")));
  const auto incomplete = Collect().incomplete;
  ASSERT_EQ(incomplete.size(), 1u);
  EXPECT_EQ(incomplete[0].part, "gap");
}

TEST_P(LogPgTest, OffIsNotZero) {
  server_.Execute("ALTER SYSTEM SET log_connections = 'off'");
  server_.Execute("SELECT pg_reload_conf()");
  ASSERT_TRUE(support::WaitUntil([&] {
    harness_.Connect(server_.SocketConninfo("user=tls_exporter"));
    return !Collect().incomplete.empty();
  }));
  const auto output = Collect();
  EXPECT_EQ(output.incomplete[0].part, "log_connections");
  EXPECT_EQ(output.facts.Get<serverlog::Summary>(), nullptr);
  EXPECT_THAT(harness_.CollectPage(), Not(HasSubstr("pg_tls_logged_")));
}

}  // namespace
}  // namespace pgtls::collectors
