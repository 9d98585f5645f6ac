// What the hba collector asks. All of it runs with search_path = pg_catalog.
#pragma once

#include <array>

#include "exporter/postgres/trusted_functions.h"
#include "exporter/postgres/versioned_sql.h"

namespace pgtls::collectors {

// What this role may use.
inline constexpr std::array kHbaAccessSql = {postgres::VersionedSql{140000, R"(
WITH ours AS ()" PGTLS_TRUSTED_FUNCTIONS_SQL R"()
SELECT EXISTS (SELECT FROM ours WHERE proname = 'hba_rules') AS rules_function,
       EXISTS (SELECT FROM ours WHERE proname = 'hba_files') AS files_function,
       EXISTS (SELECT FROM ours WHERE proname = 'ident_mappings') AS ident_function,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser,
       has_function_privilege('pg_hba_file_rules()', 'EXECUTE') AS rules_view,
       pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_stats,
       extract(epoch FROM pg_conf_load_time())::float8 AS load_time,
       extract(epoch FROM statement_timestamp())::float8 AS now,
       (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::int8 AS postmaster_start_us,
       (SELECT setting FROM pg_settings WHERE name = 'hba_file') AS hba_file,
       (SELECT setting = 'on' FROM pg_settings WHERE name = 'ssl') AS ssl,
       (SELECT setting <> '' FROM pg_settings WHERE name = 'ssl_ca_file') AS client_ca
)"}};

// The rules with each line's raw first fields. The line's text is put together as PostgreSQL does it (continuation
// lines; a NUL byte hides the rest of its line and joins the next) and cut behind the address, before any option that
// may be secret. It is handled as encode(…, 'escape') writes bytes (a backslash as \134), which is ASCII whatever the
// file holds. The options without those that hold a secret. A message is cut where it may quote one. The same text as
// in tls_exporter.hba_rules().
inline constexpr std::array kHbaRulesSql = {postgres::VersionedSql{140000, R"(
WITH rule AS MATERIALIZED (
  SELECT r.*, coalesce(to_jsonb(r) ->> 'file_name', current_setting('hba_file')) AS file,
         (to_jsonb(r) ->> 'rule_number')::integer AS number
  FROM pg_hba_file_rules() WITH ORDINALITY r
), physical AS (
  SELECT f.file, t.n, rtrim(t.line, E'\r') AS line
  FROM (SELECT DISTINCT file FROM rule) f
  CROSS JOIN LATERAL string_to_table(
    regexp_replace(
      replace(encode(pg_read_binary_file(f.file, 0, (pg_stat_file(f.file, true)).size, true), 'escape'), E'\\\\', E'\\134'),
      E'\\\\000[^\n]*(?:\n|$)', '', 'g'), E'\n')
    WITH ORDINALITY AS t(line, n)
), numbered AS (
  SELECT file, n, line, right(line, 4) = E'\\134' AS continues,
         coalesce(lag(right(line, 4) = E'\\134') OVER (PARTITION BY file ORDER BY n), false) AS continued
  FROM physical
), logical AS (
  SELECT file, min(n) AS line_number,
         string_agg(CASE WHEN continues THEN left(line, -4) ELSE line END, '' ORDER BY n) AS line
  FROM (SELECT *, count(*) FILTER (WHERE NOT continued) OVER (PARTITION BY file ORDER BY n) AS record FROM numbered) n
  GROUP BY file, record
)
SELECT r.ordinality, r.file, r.line_number, r.number AS rule_number, r.type,
       array_to_string(r.database, E'\n') AS databases, array_to_string(r.user_name, E'\n') AS users,
       r.address, r.netmask, r.auth_method,
       (SELECT substr(o, 12) FROM unnest(r.options) o WHERE o LIKE 'clientcert=%') AS clientcert,
       (SELECT string_agg(o, E'\n' ORDER BY o) FROM unnest(r.options) o WHERE o !~ '^(ldapbindpasswd|radiussecrets)=') AS options,
       CASE WHEN r.error ~ '^(invalid authentication method|could not open|invalid IP|invalid regular expression)'
              OR r.error LIKE 'unrecognized authentication option name: %' AND l.line !~* 'passw|secret'
            THEN r.error
            ELSE regexp_replace(split_part(r.error, ': ', 1), '((?:LDAP|RADIUS)[^"]*).*', '\1') END AS error,
       CASE WHEN r.type IS NOT NULL THEN decode(substring(l.line FROM CASE r.type
         WHEN 'local' THEN '^[ \t\r,]*((?:[^ \t\r,#"]|"[^"]*(?:"|$))+(?:,[ \t\r,]*(?:[^ \t\r,#"]|"[^"]*(?:"|$))+)*(?:[ \t\r][ \t\r,]*(?:[^ \t\r,#"]|"[^"]*(?:"|$))+(?:,[ \t\r,]*(?:[^ \t\r,#"]|"[^"]*(?:"|$))+)*){2})'
         ELSE '^[ \t\r,]*((?:[^ \t\r,#"]|"[^"]*(?:"|$))+(?:,[ \t\r,]*(?:[^ \t\r,#"]|"[^"]*(?:"|$))+)*(?:[ \t\r][ \t\r,]*(?:[^ \t\r,#"]|"[^"]*(?:"|$))+(?:,[ \t\r,]*(?:[^ \t\r,#"]|"[^"]*(?:"|$))+)*){3})'
       END), 'escape') END AS raw
FROM rule r
LEFT JOIN logical l ON l.file = r.file AND l.line_number = r.line_number
ORDER BY r.ordinality
)"}};
inline constexpr std::array kHbaRulesFunctionSql = {
    postgres::VersionedSql{140000, "SELECT * FROM tls_exporter.hba_rules() ORDER BY ordinality"}};

// The rules alone, for a role that may execute pg_hba_file_rules() but not read files.
inline constexpr std::array kHbaViewSql = {postgres::VersionedSql{140000, R"(
SELECT coalesce(to_jsonb(r) ->> 'file_name', (SELECT setting FROM pg_settings WHERE name = 'hba_file'), '') AS file,
       r.line_number, (to_jsonb(r) ->> 'rule_number')::integer AS rule_number, r.type,
       array_to_string(r.database, E'\n') AS databases, array_to_string(r.user_name, E'\n') AS users,
       r.address, r.netmask, r.auth_method,
       (SELECT substr(o, 12) FROM unnest(r.options) o WHERE o LIKE 'clientcert=%') AS clientcert,
       (SELECT string_agg(o, E'\n' ORDER BY o) FROM unnest(r.options) o WHERE o !~ '^(ldapbindpasswd|radiussecrets)=') AS options,
       CASE WHEN r.error ~ '^(invalid authentication method|could not open|invalid IP|invalid regular expression)' THEN r.error
            ELSE regexp_replace(split_part(r.error, ': ', 1), '((?:LDAP|RADIUS)[^"]*).*', '\1') END AS error,
       NULL::bytea AS raw
FROM pg_hba_file_rules() WITH ORDINALITY r ORDER BY r.ordinality
)"}};

// Every file and directory that pg_hba.conf consists of ("@file", include, include_dir), and when it last changed. A
// word that looks like a reference is taken for one: a file too many does no harm. No times: missing. With `way`: the
// directories on the path to them, and when an entry there was last added, removed or replaced. A symbolic link leads
// elsewhere from then on, which pg_stat_file does not show: it follows links. The top level ("/etc", "/tmp") is left
// out, where changes are routine, and the data directory where the server's own start, a new log file or ALTER SYSTEM
// explains its last change; those above it always: a running server does not move. The same text as in
// tls_exporter.hba_files().
inline constexpr std::array kHbaFilesSql = {postgres::VersionedSql{140000, R"(
WITH RECURSIVE file(path, depth) AS (
  SELECT current_setting('hba_file') COLLATE "C", 0
  UNION
  SELECT p.path, f.depth + 1
  FROM file f
  CROSS JOIN LATERAL pg_stat_file(f.path, true) s
  CROSS JOIN LATERAL string_to_table(
    regexp_replace(regexp_replace(
      replace(encode(CASE WHEN NOT s.isdir THEN pg_read_binary_file(f.path, 0, s.size, true) END, 'escape'), E'\\\\', E'\\134'),
      E'\\\\000[^\n]*(?:\n|$)', '', 'g'), E'\\\\134\r*\n', '', 'g'), E'\n') AS t(line)
  CROSS JOIN LATERAL (
    SELECT array_agg(m[1] ORDER BY n) AS words
    FROM regexp_matches(t.line, '(?:[^ \t\r,#"]|"[^"]*(?:"|$))+|#.*', 'g') WITH ORDINALITY AS x(m, n) WHERE m[1] NOT LIKE '#%'
  ) w
  CROSS JOIN LATERAL (
    SELECT replace(substr(word, 2), '"', '') AS name, false AS is_dir FROM unnest(w.words) word WHERE word LIKE '@_%'
    UNION ALL
    SELECT replace(w.words[2], '"', ''), replace(w.words[1], '"', '') = 'include_dir'
    WHERE current_setting('server_version_num')::integer >= 160000 AND cardinality(w.words) = 2
      AND replace(w.words[1], '"', '') IN ('include', 'include_if_exists', 'include_dir')
  ) r
  CROSS JOIN LATERAL (SELECT convert_from(decode(r.name, 'escape'), getdatabaseencoding()) AS name) n
  CROSS JOIN LATERAL (
    SELECT CASE WHEN n.name LIKE '/%' THEN n.name ELSE regexp_replace(f.path, '[^/]*$', '') || n.name END AS path
  ) a
  CROSS JOIN LATERAL (
    SELECT a.path
    UNION ALL
    SELECT a.path || '/' || entry
    FROM pg_ls_dir(CASE WHEN r.is_dir AND (pg_stat_file(a.path, true)).isdir THEN a.path END, true, false) entry
    WHERE entry LIKE '%.conf' AND entry NOT LIKE '.%'
  ) p
  WHERE f.depth < 10
), way(path) AS (
  SELECT DISTINCT array_to_string(p.parts[1:n], '/')
  FROM file f
  CROSS JOIN LATERAL (SELECT string_to_array(f.path, '/') AS parts) p
  CROSS JOIN LATERAL generate_series(least(3, cardinality(p.parts) - 1), cardinality(p.parts) - 1) n
)
SELECT f.path, extract(epoch FROM greatest(s.modification, s.change))::float8 AS changed, s.size, false AS way
FROM (SELECT DISTINCT path FROM file) f CROSS JOIN LATERAL pg_stat_file(f.path, true) s
UNION ALL
SELECT w.path, extract(epoch FROM s.modification)::float8, NULL, true
FROM way w CROSS JOIN LATERAL pg_stat_file(w.path, true) s
WHERE s.modification IS NOT NULL
  AND NOT starts_with(current_setting('data_directory'), w.path || '/')
  AND NOT (w.path = current_setting('data_directory')
           AND (s.modification <= pg_postmaster_start_time()
                OR EXISTS (SELECT FROM unnest(ARRAY['current_logfiles', 'postgresql.auto.conf', 'backup_label.old', 'tablespace_map.old']) entry
                           CROSS JOIN LATERAL pg_stat_file(w.path || '/' || entry, true) e WHERE e.change = s.modification)))
ORDER BY 4, 1
)"}};
inline constexpr std::array kHbaFilesFunctionSql = {
    postgres::VersionedSql{140000, "SELECT * FROM tls_exporter.hba_files()"}};

// The lines of pg_ident.conf, what their regular expressions match, and when its files last changed. Names that nobody
// has chosen stand for any user. The same text as in tls_exporter.ident_mappings().
inline constexpr std::array kIdentSql = {postgres::VersionedSql{150000, R"(
WITH line AS MATERIALIZED (
  SELECT coalesce(to_jsonb(m) ->> 'file_name', current_setting('ident_file')) AS file, m.line_number, m.map_name, m.sys_name,
         m.pg_username, m.error,
         CASE WHEN m.error IS NULL AND m.sys_name LIKE '/%' THEN substr(m.sys_name, 2) END AS pattern,
         CASE WHEN m.error IS NULL AND m.pg_username LIKE '/%' AND current_setting('server_version_num')::integer >= 160000
              THEN substr(m.pg_username, 2) END AS role_pattern
  FROM pg_ident_file_mappings() m LIMIT 10001
)
SELECT l.file, l.line_number, l.map_name, l.sys_name, l.pg_username, l.error,
       EXISTS (SELECT FROM unnest(ARRAY['pgtlsexporterprobe', 'pgtlsexporterprobe@pgtlsexporterprobe.invalid',
                                        'CN=pgtlsexporterprobe,O=pgtlsexporterprobe']) probe
               WHERE probe COLLATE "C" ~ l.pattern) AS any_user,
       coalesce((regexp_match('pgtlsexporterprobe@pgtlsexporterprobe.invalid' COLLATE "C", l.pattern))[1] = 'pgtlsexporterprobe',
                false) AS any_domain,
       EXISTS (SELECT FROM pg_roles r WHERE r.rolsuper AND r.rolcanlogin AND r.rolname::text COLLATE "C" ~ l.role_pattern) AS superuser,
       NULL::float8 AS changed, NULL::boolean AS includes
FROM line l
UNION ALL
SELECT f.file, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, extract(epoch FROM greatest(s.modification, s.change))::float8,
       encode(pg_read_binary_file(f.file, 0, s.size, true), 'escape') ~ '(?n)(^[ \t]*["]?include|(^|[ \t,])["]?@[^ \t])'
FROM (SELECT line.file FROM line UNION SELECT current_setting('ident_file')) f CROSS JOIN LATERAL pg_stat_file(f.file, true) s
ORDER BY 1, 2
)"}};
inline constexpr std::array kIdentFunctionSql = {
    postgres::VersionedSql{150000, "SELECT * FROM tls_exporter.ident_mappings() ORDER BY 1, 2"}};

// Roles, memberships (whatever their options: pg_hba asks for membership), databases, and what superusers and roles
// that may replicate are allowed to do, a word a line. $1: at most so many rows.
inline constexpr std::array kHbaCatalogSql = {postgres::VersionedSql{140000, R"(
SELECT * FROM (
  SELECT 'role' AS kind, rolname::text AS name, NULL AS of_group, NULL AS privileges FROM pg_roles
  UNION ALL
  SELECT 'member', m.rolname::text, g.rolname::text, NULL
  FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member JOIN pg_roles g ON g.oid = a.roleid
  UNION ALL
  SELECT 'database', datname::text, NULL, NULL FROM pg_database
  UNION ALL
  SELECT 'privileged', r.rolname::text, NULL,
         concat_ws(E'\n', CASE WHEN rolsuper THEN 'SUPERUSER' END, CASE WHEN rolreplication THEN 'REPLICATION' END,
                   CASE WHEN rolcreatedb THEN 'CREATEDB' END, CASE WHEN rolcreaterole THEN 'CREATEROLE' END,
                   CASE WHEN rolbypassrls THEN 'BYPASSRLS' END, d.create_on)
  FROM pg_roles r
  LEFT JOIN LATERAL (
    SELECT format('CREATE on %s of the databases', count(*)) AS create_on
    FROM pg_database d WHERE NOT r.rolsuper AND has_database_privilege(r.oid, d.oid, 'CREATE') HAVING count(*) > 0
  ) d ON true
  WHERE rolcanlogin AND (rolsuper OR rolreplication)
) c LIMIT $1::bigint
)"}};

// Which names match which patterns, one pattern a line in $1. The authentication code matches bytes by the C collation,
// before it knows of a database's encoding, so bytes are compared here too. $2: more names, one a line.
inline constexpr std::array kHbaRegexSql = {postgres::VersionedSql{160000, R"(
WITH encoding AS (
  SELECT CASE WHEN getdatabaseencoding() IN ('UTF8', 'SQL_ASCII') THEN 'LATIN1' ELSE getdatabaseencoding() END AS name
)
SELECT p.pattern, n.name
FROM encoding e
CROSS JOIN string_to_table($1::text, E'\n') AS p(pattern)
CROSS JOIN (SELECT rolname::text FROM pg_roles UNION SELECT datname::text FROM pg_database
            UNION SELECT string_to_table($2::text, E'\n')) AS n(name)
WHERE convert_from(convert_to(n.name, getdatabaseencoding()), e.name)
      ~ convert_from(convert_to(p.pattern, getdatabaseencoding()), e.name) COLLATE "C"
)"}};

}  // namespace pgtls::collectors
