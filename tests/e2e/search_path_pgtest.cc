// A search_path of the role with a schema before pg_catalog: nothing of that schema runs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/exporter.h"
#include "tests/support/postgres_server.h"

namespace pgtls::e2e {
namespace {

using support::Client;
using support::TempDir;
using testing::HasSubstr;
using testing::Not;

// Operators of each kind for each pair of types, functions and views under the names of the catalog's: all say that
// they ran.
std::string EvilSchema() {
  std::string sql =
      "CREATE SCHEMA evil; GRANT USAGE ON SCHEMA evil TO PUBLIC;"
      "CREATE FUNCTION evil.ran() RETURNS boolean LANGUAGE plpgsql AS "
      "$$BEGIN RAISE LOG 'evil ran'; RETURN true; END$$;";
  for (const auto& [left, right] :
       {std::pair("text", "text"), std::pair("name", "text"), std::pair("name", "name"), std::pair("int4", "int4"),
        std::pair("numeric", "int4"), std::pair("char", "char"), std::pair("oid", "oid"), std::pair("bool", "bool"),
        std::pair("float8", "float8"), std::pair("timestamptz", "timestamptz"), std::pair("numeric", "numeric")}) {
    const std::string types = std::string("pg_catalog.\"") + left + "\", pg_catalog.\"" + right + "\"";
    sql += "CREATE FUNCTION evil.f(" + types + ") RETURNS boolean LANGUAGE sql AS 'SELECT evil.ran()';";
    for (const char* name : {"=", "<>", "<", "<=", ">", ">=", "~", "!~", "~~", "!~~", "||", "+", "-", "*", "/"}) {
      sql += std::string("CREATE OPERATOR evil.") + name + " (LEFTARG = pg_catalog.\"" + left +
             "\", RIGHTARG = pg_catalog.\"" + right + "\", FUNCTION = evil.f);";
    }
  }
  for (const char* function :
       {"set_config(text, text, boolean)", "pg_backend_pid()", "version()", "current_setting(text)",
        "quote_ident(text)", "pg_conf_load_time()", "pg_postmaster_start_time()", "statement_timestamp()",
        "pg_has_role(name, text, text)", "has_function_privilege(oid, text)", "has_function_privilege(text, text)",
        "has_schema_privilege(oid, text)", "has_table_privilege(text, text)", "pg_hba_file_rules()",
        "pg_stat_get_activity(integer)", "to_jsonb(anyelement)", "host(inet)", "getdatabaseencoding()"}) {
    sql += std::string("CREATE FUNCTION evil.") + function + " RETURNS boolean LANGUAGE sql AS 'SELECT evil.ran()';";
  }
  for (const char* view : {"pg_settings", "pg_stat_activity", "pg_stat_ssl", "pg_stat_gssapi", "pg_roles", "pg_proc",
                           "pg_namespace", "pg_extension", "pg_database", "pg_auth_members", "pg_file_settings",
                           "pg_stat_wal_receiver", "pg_hba_file_rules"}) {
    sql += std::string("CREATE VIEW evil.") + view + " AS SELECT evil.ran();";
  }
  for (const char* type : {"int4", "int8", "text", "float8", "bool", "bytea"}) {
    sql += std::string("CREATE DOMAIN evil.") + type + " AS pg_catalog." + type + " CHECK (evil.ran());";
  }
  return sql + "GRANT SELECT ON ALL TABLES IN SCHEMA evil TO PUBLIC;";
}

TEST(SearchPath, NothingOfAnotherSchemaRuns) {
  support::PostgresServer server;
  server.RunSqlFile("deploy/sql/monitoring_role.sql");
  server.Execute(EvilSchema());
  server.Execute("ALTER ROLE tls_exporter SET search_path = evil, pg_catalog");
  const std::string conninfo = server.Conninfo("user=tls_exporter sslmode=disable");

  std::size_t before = server.LogSize();
  Client(conninfo).Query("SELECT 1 FROM pg_catalog.pg_class WHERE relname = 'pg_class'::pg_catalog.name");
  ASSERT_THAT(server.Log(before), HasSubstr("evil ran")) << "the trap works";

  before = server.LogSize();
  const auto collected = RunExporter({"collect", "--dsn=" + conninfo});
  EXPECT_EQ(collected.exit_code, 0) << collected.err;
  EXPECT_THAT(collected.out, HasSubstr("pg_tls_hba_rules"));
  EXPECT_THAT(collected.out, HasSubstr("pg_tls_setting_info"));
  for (const char* role : {"tls_exporter", "postgres"}) {
    server.Execute(std::string("ALTER ROLE ") + role + " SET search_path = evil, pg_catalog");
    RunExporter({"check", "--dsn=" + server.Conninfo(std::string("sslmode=disable user=") + role)});
  }
  EXPECT_THAT(server.Log(before), Not(HasSubstr("evil ran")));
}

}  // namespace
}  // namespace pgtls::e2e
