// The functions of deploy/sql/monitoring_role.sql that this role may call, by proname and proargnames. Only those
// that a superuser owns are trusted: the owner of the schema could replace the others.
#pragma once

// A literal, since the texts of queries are put together at compile time.
#define PGTLS_TRUSTED_FUNCTIONS_SQL                                  \
  "SELECT p.proname, p.proargnames FROM pg_catalog.pg_proc p "       \
  "JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace "        \
  "JOIN pg_catalog.pg_roles r ON r.oid = p.proowner "                \
  "WHERE n.nspname = 'tls_exporter' AND p.prosecdef AND r.rolsuper " \
  "AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')"
