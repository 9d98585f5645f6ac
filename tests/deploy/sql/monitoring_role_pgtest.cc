// deploy/sql/monitoring_role.sql gives what it promises and nothing that could read a secret.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/postgres_server.h"

namespace pgtls {
namespace {

using support::Client;
using support::PostgresServer;
using testing::HasSubstr;

constexpr const char* kRoleFile = "deploy/sql/monitoring_role.sql";

class MonitoringRoleTest : public testing::Test {
 protected:
  void SetUp() override {
    server_.RunSqlFile(kRoleFile);
    server_.RunSqlFile(kRoleFile);  // as safe the second time
  }

  PostgresServer server_;
};

TEST_F(MonitoringRoleTest, SeesAllSessionsAndFilePaths) {
  const Client other(server_.Conninfo());
  Client exporter(server_.Conninfo("user=tls_exporter"));
  EXPECT_EQ(exporter.Value("SELECT ssl FROM pg_stat_ssl WHERE pid = " + std::to_string(other.pid())), "f");
  EXPECT_NE(exporter.Value("SELECT setting FROM pg_settings WHERE name = 'hba_file'"), "");
}

TEST_F(MonitoringRoleTest, ReadsNoSecretAndChangesNothing) {
  Client exporter(server_.Conninfo("user=tls_exporter"));
  for (const char* sql : {"SELECT rolpassword FROM pg_authid", "SELECT passwd FROM pg_shadow",
                          "SELECT pg_read_file('server.key')", "SELECT pg_read_binary_file('server.key')",
                          "SELECT lo_import('server.key')", "COPY (SELECT 1) TO PROGRAM 'true'",
                          "CREATE TEMP TABLE t (x text); COPY t FROM '/etc/passwd'", "ALTER SYSTEM SET ssl = off",
                          "CREATE ROLE another", "SELECT pg_reload_conf()", "CREATE TABLE tls_exporter.t (x int)"}) {
    EXPECT_THAT(([&] {
                  try {
                    exporter.Query(sql);
                    return std::string("no error");
                  } catch (const std::runtime_error& error) {
                    return std::string(error.what());
                  }
                })(),
                testing::AnyOf(HasSubstr("permission denied"), HasSubstr("must be superuser")))
        << sql;
    exporter.Query("ROLLBACK");
  }
}

TEST_F(MonitoringRoleTest, ItsFunctionsAreItsOwn) {
  server_.Execute("CREATE ROLE stranger LOGIN");
  // Every function in the schema: SECURITY DEFINER, a fixed search_path, executable by no one else, and the one that
  // takes a path only by the others.
  const auto rows = server_.Query(
      "SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'tls_exporter'::regnamespace AND NOT "
      "(p.prosecdef AND p.proconfig @> ARRAY['search_path=pg_catalog, pg_temp'] AND "
      "has_function_privilege('tls_exporter', p.oid, 'EXECUTE') = (p.proname <> 'file_changed') AND "
      "NOT has_function_privilege('stranger', p.oid, 'EXECUTE'))");
  EXPECT_TRUE(rows.empty()) << rows[0][0].value_or("");
  EXPECT_EQ(server_.Query("SELECT has_schema_privilege('stranger', 'tls_exporter', 'USAGE')")[0][0], "f");
}

// What stands in for a catalog under its name would run as the superuser that owns the functions.
TEST_F(MonitoringRoleTest, ATemporaryViewOfTheCallerIsNotRunByItsFunctions) {
  Client exporter(server_.Conninfo("user=tls_exporter"));
  exporter.Query("CREATE FUNCTION pg_temp.who() RETURNS text LANGUAGE sql AS 'SELECT current_user::text'");
  exporter.Query(
      "CREATE TEMP VIEW pg_file_settings AS SELECT 1 AS seqno, pg_temp.who() AS sourcefile, 1 AS sourceline, ''::text "
      "AS name, "
      "''::text AS setting, ''::text AS error");
  EXPECT_EQ(exporter.Value("SELECT count(*) FROM tls_exporter.file_settings() WHERE sourcefile = 'postgres'"), "0");
  EXPECT_NE(
      exporter.Value("SELECT count(*) FROM tls_exporter.file_settings() WHERE sourcefile LIKE '%postgresql.conf'"),
      "0");
}

TEST_F(MonitoringRoleTest, TakesBackWhatDoesNotBelongToIt) {
  server_.Execute("ALTER ROLE tls_exporter SUPERUSER CREATEROLE NOLOGIN");
  server_.RunSqlFile(kRoleFile);
  Client exporter(server_.Conninfo("user=tls_exporter"));
  EXPECT_EQ(exporter.Value("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"), "f");
}

// A stalled server must not lose all its slots to the exporter; a limit that somebody chose is theirs.
TEST_F(MonitoringRoleTest, LimitsItsConnectionsAndKeepsAnotherLimit) {
  const auto limit = [&] {
    return server_.Query("SELECT rolconnlimit FROM pg_roles WHERE rolname = 'tls_exporter'")[0][0];
  };
  EXPECT_EQ(limit(), "20");
  server_.Execute("ALTER ROLE tls_exporter CONNECTION LIMIT 50");
  server_.RunSqlFile(kRoleFile);
  EXPECT_EQ(limit(), "50");
  server_.Execute("ALTER ROLE tls_exporter CONNECTION LIMIT -1");  // as an older version of the file left it
  server_.RunSqlFile(kRoleFile);
  EXPECT_EQ(limit(), "20");
}

// Operators of a schema that comes first would run as the superuser.
TEST_F(MonitoringRoleTest, RunsNothingOfAnotherSchema) {
  server_.Execute(
      "CREATE SCHEMA evil; CREATE TABLE evil.ran (what text); "
      "CREATE FUNCTION evil.equal(name, text) RETURNS boolean LANGUAGE sql AS "
      "'INSERT INTO evil.ran VALUES (current_user); SELECT true'; "
      "CREATE OPERATOR evil.= (LEFTARG = name, RIGHTARG = text, FUNCTION = evil.equal); "
      "CREATE FUNCTION evil.equal(name, name) RETURNS boolean LANGUAGE sql AS "
      "'INSERT INTO evil.ran VALUES (current_user); SELECT true'; "
      "CREATE OPERATOR evil.= (LEFTARG = name, RIGHTARG = name, FUNCTION = evil.equal); "
      "ALTER ROLE postgres SET search_path = evil, pg_catalog");
  server_.RunSqlFile(kRoleFile);
  EXPECT_EQ(server_.Query("SELECT pg_catalog.count(*) FROM evil.ran")[0][0], "0");
}

}  // namespace
}  // namespace pgtls
