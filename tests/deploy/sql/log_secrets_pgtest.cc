// log_records(), called by an attacker who has the exporter's role: no query, parameter or password is returned,
// whatever piece of the log is asked for, and no result is a checksum of one.
#include <openssl/sha.h>

#include <cctype>
#include <map>

#include "tests/deploy/sql/log_records.h"

namespace pgtls {
namespace {

using support::Client;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kSecret = "hunter2";

std::string Hex(const std::string& bytes) {
  std::string hex;
  for (const char c : bytes) {
    constexpr const char* kDigits = "0123456789abcdef";
    hex += kDigits[static_cast<unsigned char>(c) >> 4];
    hex += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return hex;
}

class LogSecretsTest : public testing::Test {
 protected:
  void Run(Client& client, const std::string& sql) {
    try {
      client.Query(sql);
    } catch (const std::runtime_error&) {  // errors are logged with their statement
    }
  }

  void LogSecrets() {
    Client client(log_.server().SocketConninfo());
    const std::string csv =
        "\n2026-01-01 00:00:00.000 UTC,,,1,,s.1,1,,2026-01-01 00:00:00 UTC,,0,LOG,00000,\"connection received: "
        "hunter2\"";
    const std::string json =
        "\n{\"timestamp\":\"2026-01-01 00:00:00.000 UTC\",\"pid\":1,\"error_severity\":\"LOG\","
        "\"message\":\"connection received: host=hunter2\",\"backend_type\":\"client backend\"}\n";
    for (
        const std::string& sql : std::vector<std::string>{
            "CREATE ROLE u PASSWORD 'hunter2'",
            "SELECT 'LOG:  connection authorized: user=' || 'hunter2'",
            "SELECT '\nLOG:  connection authorized: user=hunter2\n\tFATAL:  no pg_hba.conf entry for hunter2'",
            "SELECT '\n2026-01-01 00:00:00.000 UTC [1] LOG:  connection received: host=hunter2\n'",
            "connection authorized: hunter2",  // a syntax error
            "connection authorized: \"\"hunter2",
            "LOG:  connection authorized: hunter2",
            "SELECT 1/0, ',LOG,00000,\"connection authorized: hunter2'",
            "SELECT '" + csv + ",,,,,,,,,\"\",\"client backend\",,0\n'",
            "SELECT '\n2026-01-01 00:00:00.000 UTC,hunter2,,1,,s.1,1,,2026-01-01 00:00:00 UTC,,0,LOG,00000,'",
            "SELECT '" + json + "'",
            R"(SELECT '\"\\","error_severity":"LOG","message":"connection received: host=hunter2"')",
            R"(DO $$BEGIN RAISE LOG 'connection authorized: %', 'hunter2' USING DETAIL = 'hunter2', HINT = 'hunter2'; END$$)",
            R"(DO $$BEGIN RAISE LOG E'connection authorized: \n%', 'hunter2' USING DETAIL = E'\nhunter2'; END$$)",
            R"(DO $$BEGIN EXECUTE 'SELECT 1/0, ''LOG:  connection received: hunter2'''; END$$)",
            "SET application_name = 'LOG:  connection received: x'",
            "SELECT 'hunter2'",
            "SET application_name = '\",LOG,00000,\"connection received: x'",
            "SELECT 'hunter2'",
            "SET application_name = ','",
            "SELECT ',hunter2'",
        }) {
      Run(client, sql);
    }
    const char* value = "connection authorized: hunter2";
    PQclear(PQexecParams(client.get(), "SELECT 1/0, $1", 1, nullptr, &value, nullptr, nullptr, 0));
    log_.Flush();
  }

  LogServer log_{{.settings = {"log_line_prefix = '%m [%p] '", "log_parameter_max_length_on_error = -1",
                               "log_min_duration_statement = -1"}}};
};

TEST_F(LogSecretsTest, NoPieceReturnsAQueryAParameterOrAPassword) {
  log_.Flush();
  std::map<std::string, std::size_t> begin;
  for (const std::string& file : log_.Files()) begin[file] = log_.Content(file).size();
  LogSecrets();
  Client exporter(log_.Conninfo());
  for (const std::string& file : log_.Files()) {
    // Nothing is written to a copy; the name of a rotated file has the format in the middle.
    const std::string copy = file + ".1";
    const std::string content = log_.Content(file).substr(begin[file]);
    log_.Write(copy, content);
    ASSERT_THAT(content, HasSubstr(kSecret)) << file;
    EXPECT_THAT(log_.Read(exporter, copy).records,
                AllOf(HasSubstr("connection authorized: user=postgres"), Not(HasSubstr(kSecret))))
        << file;
    // In each state, from each octet that does not follow a letter or digit. Records that were returned show that the
    // question was right.
    std::string starts = "0";
    for (std::size_t i = 1; i <= content.size(); ++i) {
      if (std::isalnum(static_cast<unsigned char>(content[i - 1])) == 0) starts += "," + std::to_string(i);
    }
    const std::string secret = "position('\\x" + Hex(kSecret) + "'::bytea IN r.records) > 0";
    const auto row =
        exporter.Query("SELECT count(*) FILTER (WHERE octet_length(r.records) > 100), count(*) FILTER (WHERE " +
                       secret + "), min(s) FILTER (WHERE " + secret + ") FROM unnest('{" + starts +
                       "}'::bigint[]) s, generate_series(0, 2) state, tls_exporter.log_records('" + copy +
                       "', s, 1024, state::smallint, NULL) r")[0];
    EXPECT_GT(std::stoi(row[0].value()), 500) << file;
    EXPECT_EQ(row[1], "0") << file << " from " << row[2].value_or("");
  }
}

// Settings that a role may change for its session, and what it may create, do not make the function return more.
TEST_F(LogSecretsTest, TheCallersSessionDoesNotChangeWhatIsReturned) {
  LogSecrets();
  Client exporter(log_.Conninfo());
  for (const std::string& file : log_.Files()) {
    const std::string copy = "copy" + file.substr(2);
    log_.Write(copy, log_.Content(file));
    const std::string records = log_.Read(exporter, copy).records;
    Client hostile(log_.Conninfo());
    for (const std::string& sql :
         {"SET standard_conforming_strings = off", "SET escape_string_warning = off", "SET backslash_quote = on",
          "SET client_encoding = 'SQL_ASCII'", "SET bytea_output = 'escape'", "SET search_path = pg_temp, pg_catalog",
          "CREATE FUNCTION pg_temp.encode(bytea, text) RETURNS text LANGUAGE sql AS $$SELECT 'x'::text$$",
          "CREATE TEMP VIEW pg_ls_logdir AS SELECT 'x'::text AS name", "CREATE TEMP TABLE log_mark_key (key bytea)"}) {
      Run(hostile, sql);  // some versions refuse some of them
    }
    EXPECT_EQ(log_.Read(hostile, copy).records, records) << file;
  }
}

TEST_F(LogSecretsTest, AMarkIsNoChecksumOfTheLog) {
  Client exporter(log_.Conninfo());
  std::string line = "2026-01-01 00:00:00.000 UTC [1] LOG:  statement: SELECT 'hunter2'";
  line.resize(63, 'x');
  line += "\n";
  log_.Write("x.log", line + line + line);
  const LogPiece piece = log_.Read(exporter, "x.log");
  EXPECT_EQ(piece.next_mark.size(), 64);
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(line.data()), line.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  EXPECT_NE(piece.next_mark, Hex(digest));
  EXPECT_EQ(log_.Read(exporter, "x.log", {.start = 64, .mark = Hex(digest)}).problem, "replaced");
  // The same octets at another place have another mark: what an attacker writes into the log cannot be compared with
  // what is there.
  EXPECT_EQ(log_.Read(exporter, "x.log", {.start = 192, .mark = piece.next_mark}).problem, "");
  EXPECT_EQ(log_.Read(exporter, "x.log", {.start = 128, .mark = piece.next_mark}).problem, "replaced");
  // And the key is not readable, nor the same on another server.
  EXPECT_THROW(exporter.Query("SELECT * FROM tls_exporter.log_mark_key"), std::runtime_error);
  EXPECT_EQ(log_.server().Query("SELECT count(*), min(octet_length(key)) FROM tls_exporter.log_mark_key")[0],
            (support::Rows::value_type{"1", "32"}));
  log_.server().RunSqlFile("deploy/sql/monitoring_role.sql");
  EXPECT_EQ(log_.Read("x.log", {.start = 192, .mark = piece.next_mark}).problem, "") << "the key changed";
  log_.server().Execute("DROP TABLE tls_exporter.log_mark_key");
  log_.server().RunSqlFile("deploy/sql/monitoring_role.sql");
  EXPECT_EQ(log_.Read("x.log", {.start = 192, .mark = piece.next_mark}).problem, "replaced");
}

// A table that somebody else made could run a trigger of theirs as the superuser.
TEST_F(LogSecretsTest, AKeyOfAnotherOwnerIsReplaced) {
  auto& server = log_.server();
  server.Execute("CREATE ROLE owner; ALTER TABLE tls_exporter.log_mark_key OWNER TO owner");
  server.RunSqlFile("deploy/sql/monitoring_role.sql");
  EXPECT_EQ(server.Query("SELECT tableowner FROM pg_tables WHERE tablename = 'log_mark_key'")[0][0], "postgres");
}

// Files that somebody else put into the log directory.
TEST_F(LogSecretsTest, OfOtherFilesInTheLogDirectoryNothingIsReturned) {
  const std::vector<std::string> contents = {
      "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n",
      "*:*:*:postgres:hunter2\n",
      "hunter2,hunter2\n\"hunter2\n\",x\n",
      "{\"password\":\"hunter2\"}\n{\"timestamp\":\"hunter2\"}\n",
      "hunter2 LOG:  hunter2\nhunter2 ERROR:  hunter2\n\thunter2\nhunter2 DETAIL:  hunter2\n",
      std::string("hunter2\0hunter2\n\0\n", 18),
      "hunter2",
      "\n\nhunter2\n",
      "",
  };
  Client exporter(log_.Conninfo());
  for (const std::string& content : contents) {
    for (const char* name : {"secret", "secret.log", "secret.csv", "secret.json"}) {
      log_.Write(name, content);
      for (std::size_t start = 0; start <= content.size(); ++start) {
        for (const int state : {0, 1, 2}) {
          const LogPiece piece = log_.Read(exporter, name, {.start = start, .state = state});
          ASSERT_EQ(piece.records, "") << name << " " << content << start << state;
        }
      }
    }
  }
}

TEST_F(LogSecretsTest, OnlyTheExportersRoleMayExecuteIt) {
  log_.server().Execute(
      "CREATE ROLE stranger LOGIN; GRANT pg_monitor TO stranger; GRANT USAGE ON SCHEMA tls_exporter TO stranger");
  Client stranger(log_.server().SocketConninfo("user=stranger"));
  EXPECT_THROW(log_.Read(stranger, "pg.log"), std::runtime_error);
  Client exporter(log_.Conninfo());
  EXPECT_EQ(log_.Read(exporter, "pg.log").problem, "");
  // What else following the log needs.
  EXPECT_EQ(exporter.Value("SELECT pg_current_logfile('csvlog')"), "log/pg.csv");
  EXPECT_EQ(exporter.Value("SELECT pg_current_logfile()"), "log/pg.log");
  EXPECT_EQ(exporter.Value("SELECT count(*) FROM pg_ls_logdir() WHERE name = 'pg.csv' AND size > 0"), "1");
}

}  // namespace
}  // namespace pgtls
