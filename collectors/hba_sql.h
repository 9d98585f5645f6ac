// What the hba collector asks. All of it runs with search_path = pg_catalog.
#pragma once

#include <array>

#include "exporter/sampling/sql_collector.h"

namespace pgtls::collectors {

// What this role may use. The functions are those of deploy/sql/monitoring_role.sql, believed only where a superuser
// owns them.
inline constexpr std::array kHbaAccessSql = {sampling::VersionedSql{140000, R"(
WITH ours AS (
  SELECT p.proname FROM pg_proc p
  JOIN pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_roles r ON r.oid = p.proowner
  WHERE n.nspname = 'tls_exporter' AND p.prosecdef AND r.rolsuper
    AND has_schema_privilege(n.oid, 'USAGE') AND has_function_privilege(p.oid, 'EXECUTE')
)
SELECT EXISTS (SELECT FROM ours WHERE proname = 'hba_rules') AS rules_function,
       EXISTS (SELECT FROM ours WHERE proname = 'hba_files') AS files_function,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser,
       has_function_privilege('pg_hba_file_rules()', 'EXECUTE') AS rules_view,
       pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_stats,
       extract(epoch FROM pg_conf_load_time())::float8 AS load_time,
       extract(epoch FROM statement_timestamp())::float8 AS now
)"}};

// The rules with each line's raw first fields. The line's text is put together as PostgreSQL does it (continuation
// lines) and cut behind the address, before any option that may be secret; bytes, since the file need not be in the
// database's encoding. Only clientcert of the options. A message is cut where it would quote the line. The same text as
// in tls_exporter.hba_rules().
inline constexpr std::array kHbaRulesSql = {sampling::VersionedSql{140000, R"(
WITH rule AS MATERIALIZED (
  SELECT r.*, coalesce(to_jsonb(r) ->> 'file_name', current_setting('hba_file')) AS file,
         (to_jsonb(r) ->> 'rule_number')::integer AS number
  FROM pg_hba_file_rules() WITH ORDINALITY r
), encoding AS (
  SELECT CASE WHEN getdatabaseencoding() IN ('UTF8', 'SQL_ASCII') THEN 'LATIN1' ELSE getdatabaseencoding() END AS name
), physical AS (
  SELECT f.file, t.n, rtrim(t.line, E'\r') AS line
  FROM (SELECT DISTINCT file FROM rule) f
  CROSS JOIN encoding e
  CROSS JOIN LATERAL string_to_table(
    convert_from(pg_read_binary_file(f.file, 0, (pg_stat_file(f.file)).size, true), e.name), E'\n')
    WITH ORDINALITY AS t(line, n)
), numbered AS (
  SELECT file, n, line, right(line, 1) = E'\\' AS continues,
         coalesce(lag(right(line, 1) = E'\\') OVER (PARTITION BY file ORDER BY n), false) AS continued
  FROM physical
), logical AS (
  SELECT file, min(n) AS line_number,
         string_agg(CASE WHEN continues THEN left(line, -1) ELSE line END, '' ORDER BY n) AS line
  FROM (SELECT *, count(*) FILTER (WHERE NOT continued) OVER (PARTITION BY file ORDER BY n) AS record FROM numbered) n
  GROUP BY file, record
)
SELECT r.ordinality, r.file, r.line_number, r.number AS rule_number, r.type,
       array_to_string(r.database, E'\n') AS databases, array_to_string(r.user_name, E'\n') AS users,
       r.address, r.netmask, r.auth_method,
       (SELECT substr(o, 12) FROM unnest(r.options) o WHERE o LIKE 'clientcert=%') AS clientcert,
       regexp_replace(split_part(r.error, ': ', 1), '((?:LDAP|RADIUS)[^"]*).*', '\1') AS error,
       CASE WHEN r.type IS NOT NULL THEN convert_to(substring(l.line FROM CASE r.type
         WHEN 'local' THEN '^[ \t\r,]*((?:[^ \t\r,#"]|"[^"]*(?:"|$))+(?:,[ \t\r,]*(?:[^ \t\r,#"]|"[^"]*(?:"|$))+)*(?:[ \t\r][ \t\r,]*(?:[^ \t\r,#"]|"[^"]*(?:"|$))+(?:,[ \t\r,]*(?:[^ \t\r,#"]|"[^"]*(?:"|$))+)*){2})'
         ELSE '^[ \t\r,]*((?:[^ \t\r,#"]|"[^"]*(?:"|$))+(?:,[ \t\r,]*(?:[^ \t\r,#"]|"[^"]*(?:"|$))+)*(?:[ \t\r][ \t\r,]*(?:[^ \t\r,#"]|"[^"]*(?:"|$))+(?:,[ \t\r,]*(?:[^ \t\r,#"]|"[^"]*(?:"|$))+)*){3})'
       END), (SELECT name FROM encoding)) END AS raw
FROM rule r
LEFT JOIN logical l ON l.file = r.file AND l.line_number = r.line_number
ORDER BY r.ordinality
)"}};
inline constexpr std::array kHbaRulesFunctionSql = {
    sampling::VersionedSql{140000, "SELECT * FROM tls_exporter.hba_rules() ORDER BY ordinality"}};

// The rules alone, for a role that may execute pg_hba_file_rules() but not read files.
inline constexpr std::array kHbaViewSql = {sampling::VersionedSql{140000, R"(
SELECT coalesce(to_jsonb(r) ->> 'file_name', current_setting('hba_file', true), '') AS file, r.line_number,
       (to_jsonb(r) ->> 'rule_number')::integer AS rule_number, r.type,
       array_to_string(r.database, E'\n') AS databases, array_to_string(r.user_name, E'\n') AS users,
       r.address, r.netmask, r.auth_method,
       (SELECT substr(o, 12) FROM unnest(r.options) o WHERE o LIKE 'clientcert=%') AS clientcert,
       regexp_replace(split_part(r.error, ': ', 1), '((?:LDAP|RADIUS)[^"]*).*', '\1') AS error,
       NULL::bytea AS raw
FROM pg_hba_file_rules() WITH ORDINALITY r ORDER BY r.ordinality
)"}};

// Every file and directory that pg_hba.conf consists of ("@file", include, include_dir), and when it last changed. A
// word that looks like a reference is taken for one: a file too many does no harm. The same text as in
// tls_exporter.hba_files().
inline constexpr std::array kHbaFilesSql = {sampling::VersionedSql{140000, R"(
WITH RECURSIVE encoding AS (
  SELECT CASE WHEN getdatabaseencoding() IN ('UTF8', 'SQL_ASCII') THEN 'LATIN1' ELSE getdatabaseencoding() END AS name
), file(path, depth) AS (
  SELECT current_setting('hba_file') COLLATE "C", 0
  UNION
  SELECT p.path, f.depth + 1
  FROM file f
  CROSS JOIN encoding e
  CROSS JOIN LATERAL pg_stat_file(f.path, true) s
  CROSS JOIN LATERAL string_to_table(
    regexp_replace(CASE WHEN NOT s.isdir THEN convert_from(pg_read_binary_file(f.path, 0, s.size, true), e.name) END,
                   E'\\\\\r*\n', '', 'g'), E'\n') AS t(line)
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
  CROSS JOIN LATERAL (
    SELECT CASE WHEN r.name LIKE '/%' THEN r.name ELSE regexp_replace(f.path, '[^/]*$', '') || r.name END AS path
  ) a
  CROSS JOIN LATERAL (
    SELECT a.path
    UNION ALL
    SELECT a.path || '/' || entry
    FROM pg_ls_dir(CASE WHEN r.is_dir AND (pg_stat_file(a.path, true)).isdir THEN a.path END, true, false) entry
    WHERE entry LIKE '%.conf' AND entry NOT LIKE '.%'
  ) p
  WHERE f.depth < 10
)
SELECT DISTINCT f.path, extract(epoch FROM greatest(s.modification, s.change))::float8 AS changed
FROM file f CROSS JOIN LATERAL pg_stat_file(f.path, true) s WHERE s.modification IS NOT NULL ORDER BY f.path
)"}};
inline constexpr std::array kHbaFilesFunctionSql = {
    sampling::VersionedSql{140000, "SELECT path, changed FROM tls_exporter.hba_files() ORDER BY path"}};

// Roles, memberships (whatever their options: pg_hba asks for membership), databases. $1: at most so many rows.
inline constexpr std::array kHbaCatalogSql = {sampling::VersionedSql{140000, R"(
SELECT * FROM (
  SELECT 'role' AS kind, rolname::text AS name, NULL AS of_group FROM pg_roles
  UNION ALL
  SELECT 'member', m.rolname::text, g.rolname::text
  FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member JOIN pg_roles g ON g.oid = a.roleid
  UNION ALL
  SELECT 'database', datname::text, NULL FROM pg_database
) c LIMIT $1::bigint
)"}};

// Which names match which patterns, one pattern a line in $1. The authentication code matches bytes by the C collation,
// before it knows of a database's encoding, so bytes are compared here too. $2: more names, one a line.
inline constexpr std::array kHbaRegexSql = {sampling::VersionedSql{160000, R"(
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

// Open connections that pg_hba cannot tell apart, but for the exporter's own ($1: pids) and those that authenticate
// still.
inline constexpr std::array kHbaConnectionsSql = {sampling::VersionedSql{140000, R"(
SELECT a.usename, a.datname, CASE WHEN a.client_port <> -1 THEN host(a.client_addr) END AS address,
       a.client_port = -1 AS unix_socket, s.ssl, coalesce(g.encrypted, false) AS gss,
       a.backend_type = 'walsender' AND a.datname IS NULL AS replication,
       s.client_serial IS NOT NULL AS client_certificate, count(*) AS connections
FROM pg_stat_activity a
JOIN pg_stat_ssl s ON s.pid = a.pid
LEFT JOIN pg_stat_gssapi g ON g.pid = a.pid
WHERE a.backend_type IN ('client backend', 'walsender') AND a.state IS DISTINCT FROM 'starting'
  AND a.pid <> ALL ($1::int4[])
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
)"}};

}  // namespace pgtls::collectors
