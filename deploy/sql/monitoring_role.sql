-- The role with which pg_tls_exporter logs in, with the least privileges. PostgreSQL 14 to 19; run as a superuser, in the database
-- that the exporter will connect to:
--
--   psql -X -v ON_ERROR_STOP=1 -d postgres -f monitoring_role.sql
--
-- Safe to run again: it restores the state described here. Plain SQL without psql's commands, in one transaction.
--
-- The role is called tls_exporter because PostgreSQL reserves names that begin with pg_. Set its password yourself (\password
-- tls_exporter), or let it log in with a client certificate.
--
-- Never grant it EXECUTE on pg_read_file or pg_read_binary_file, or membership in pg_read_server_files: these read server.key and the
-- password hashes of pg_authid.

BEGIN;
-- Independent of the caller's search_path: no operator or function of another schema is used.
SET LOCAL search_path = pg_catalog, pg_temp;

-- ---- The role

-- CONNECTION LIMIT: a stalled server keeps the connections that the exporter has closed. An entry of the configuration needs two for a
-- moment (one that ends, one that begins), leaves at most three behind, and a probe that the server admits is one more: at most five. 20 is
-- enough for two entries of this cluster (such as a direct one and one through a pooler) in two exporters. For more, raise it:
--   ALTER ROLE tls_exporter CONNECTION LIMIT 40;
-- A limit that you set is kept; an unlimited role gets this one.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'tls_exporter') THEN
    CREATE ROLE tls_exporter LOGIN CONNECTION LIMIT 20;
  ELSIF (SELECT rolconnlimit FROM pg_catalog.pg_roles WHERE rolname = 'tls_exporter') = -1 THEN
    ALTER ROLE tls_exporter CONNECTION LIMIT 20;
  END IF;
END
$$;
ALTER ROLE tls_exporter WITH LOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
ALTER ROLE tls_exporter SET search_path = pg_catalog, pg_temp;
COMMENT ON ROLE tls_exporter IS 'pg_tls_exporter: watches how connections are protected';

-- pg_monitor: other sessions' encryption (pg_stat_ssl, pg_stat_activity, pg_stat_gssapi), the settings of files and certificates, the
-- upstream of a standby. This is enough for the sessions and settings collectors.
GRANT pg_monitor TO tls_exporter;

-- ---- Functions for what pg_monitor may not see

-- They are in a separate schema, belong to the superuser that runs this file, and only tls_exporter may execute them. Each is
-- SECURITY DEFINER with SET search_path = pg_catalog, pg_temp (pg_temp last: if it is not named it comes first, and a temporary view
-- of the caller would run as the superuser), takes no path or query from its caller (log_records() takes the name of a log file), and
-- returns nothing secret. A section drops its function before it creates it, so that its columns can change and its owner is certain, and
-- ends with
--   REVOKE ALL ON FUNCTION … FROM PUBLIC;
--   GRANT EXECUTE ON FUNCTION … TO tls_exporter;

CREATE SCHEMA IF NOT EXISTS tls_exporter;
ALTER SCHEMA tls_exporter OWNER TO CURRENT_USER;
REVOKE ALL ON SCHEMA tls_exporter FROM PUBLIC;
GRANT USAGE ON SCHEMA tls_exporter TO tls_exporter;

-- ---- The configuration files (settings collector)

-- The contents of the configuration files, with the values of settings that concern encryption only: all other values
-- (ssl_passphrase_command, primary_conninfo …) are null.
DROP FUNCTION IF EXISTS tls_exporter.file_settings();
CREATE FUNCTION tls_exporter.file_settings(
    OUT seqno integer, OUT sourcefile text, OUT sourceline integer, OUT name text, OUT setting text, OUT error text)
  RETURNS SETOF record LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  SELECT seqno, sourcefile, sourceline, name,
         CASE WHEN (name ~ '^(ssl|gss_|krb_)'
                    OR name IN ('password_encryption', 'scram_iterations', 'md5_password_warnings', 'log_connections',
                                'log_disconnections', 'log_replication_commands', 'log_hostname',
                                'trace_connection_negotiation', 'db_user_namespace', 'oauth_validator_libraries', 'listen_addresses', 'port', 'unix_socket_directories', 'hba_file',
                                'ident_file', 'hosts_file', 'data_directory'))
               AND name <> 'ssl_passphrase_command'
              THEN setting END,
         error
  FROM pg_file_settings
$$;
REVOKE ALL ON FUNCTION tls_exporter.file_settings() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tls_exporter.file_settings() TO tls_exporter;

-- ---- Passwords (settings collector)

-- How many roles that may log in have which kind of password, how many SCRAM verifiers have fewer iterations than RFC 7677 requires, and
-- the names of roles with an MD5 verifier, at most 100 of them. Never a verifier, nor a part of one.
DROP FUNCTION IF EXISTS tls_exporter.role_passwords();
CREATE FUNCTION tls_exporter.role_passwords(OUT kind text, OUT name text, OUT roles bigint, OUT few_iterations bigint)
  RETURNS SETOF record LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  WITH role AS MATERIALIZED (
    SELECT rolname,
           CASE WHEN rolpassword ~ '^md5[0-9a-f]{32}$' THEN 'md5'
                WHEN rolpassword ~ '^SCRAM-SHA-256\$[0-9]+:[^$]+\$[^:]+:.' THEN 'scram-sha-256'
                ELSE 'none' END AS kind,
           substring(rolpassword FROM '^SCRAM-SHA-256\$([0-9]+):')::numeric < 4096 AS few_iterations
    FROM pg_authid
    WHERE rolcanlogin
  )
  SELECT k.kind, NULL::text AS name, count(r.kind) AS roles, count(*) FILTER (WHERE r.few_iterations) AS few_iterations
  FROM (VALUES ('scram-sha-256'), ('md5'), ('none')) AS k(kind)
  LEFT JOIN role r ON r.kind = k.kind
  GROUP BY k.kind
  UNION ALL
  (SELECT kind, rolname::text COLLATE "C", NULL, NULL FROM role WHERE kind = 'md5' ORDER BY rolname LIMIT 100)
  ORDER BY kind, name NULLS FIRST
$$;
REVOKE ALL ON FUNCTION tls_exporter.role_passwords() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tls_exporter.role_passwords() TO tls_exporter;

-- ---- pg_hba.conf (hba collector)

-- The rules as pg_hba_file_rules shows them, with the first fields of each line as text: the view drops the quotes that distinguish a name
-- from a keyword. The text ends after the address, before any option that may be secret; the options exclude ldapbindpasswd and
-- radiussecrets, and a message is cut where it may quote one. Lines are handled as encode(…, 'escape') writes bytes: the files may contain
-- any bytes. A NUL byte hides the rest of its line and joins the next line, as in PostgreSQL.
DROP FUNCTION IF EXISTS tls_exporter.hba_rules();
CREATE FUNCTION tls_exporter.hba_rules(
    OUT ordinality bigint, OUT file text, OUT line_number integer, OUT rule_number integer, OUT type text, OUT databases text,
    OUT users text, OUT address text, OUT netmask text, OUT auth_method text, OUT clientcert text, OUT options text, OUT error text,
    OUT raw bytea)
  RETURNS SETOF record LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
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
$$;
REVOKE ALL ON FUNCTION tls_exporter.hba_rules() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tls_exporter.hba_rules() TO tls_exporter;

-- The files and directories that pg_hba.conf consists of, and when each last changed (modification or change, whichever is later; null: missing). With `way`:
-- a directory on the path to one of them, and when an entry of it was last added, removed or replaced, such as a symbolic link. The data
-- directory is left out if the server's own start, a new log file or ALTER SYSTEM explains its last change; the directories above it always,
-- since a running server does not move.
DROP FUNCTION IF EXISTS tls_exporter.hba_files();
CREATE FUNCTION tls_exporter.hba_files(OUT path text, OUT changed double precision, OUT size bigint, OUT way boolean)
  RETURNS SETOF record LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
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
$$;
REVOKE ALL ON FUNCTION tls_exporter.hba_files() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tls_exporter.hba_files() TO tls_exporter;

-- ---- pg_ident.conf (hba collector, PostgreSQL 15 and later)

-- The lines of pg_ident.conf as pg_ident_file_mappings shows them; 14 has no such view, and no row is returned. `any_user`: the regular
-- expression for the system's user matches names that nobody has chosen. `any_domain`: \1 is the name before the @, whatever follows it.
-- `superuser`: the regular expression for the role matches a superuser. A row without a line number is a file: when it last changed
-- (modification or change), and whether it includes others.
DROP FUNCTION IF EXISTS tls_exporter.ident_mappings();
CREATE FUNCTION tls_exporter.ident_mappings(
    OUT file text, OUT line_number integer, OUT map_name text, OUT sys_name text, OUT pg_username text, OUT error text,
    OUT any_user boolean, OUT any_domain boolean, OUT superuser boolean, OUT changed double precision, OUT includes boolean)
  RETURNS SETOF record LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
  IF current_setting('server_version_num')::integer >= 150000 THEN
    RETURN QUERY
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
    ;
  END IF;
END
$$;
REVOKE ALL ON FUNCTION tls_exporter.ident_mappings() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tls_exporter.ident_mappings() TO tls_exporter;

-- ---- pg_hosts.conf (settings collector, PostgreSQL 19)

-- The lines of pg_hosts.conf and of the files that it includes, while ssl_sni is on: the first four fields (host names, and the paths of
-- certificate, key and CA). The passphrase command may hold a passphrase: each field after the fourth is replaced by a mark that
-- shows only whether it is valid. `certificate` and `ca` are the paths of an entry, for certificate_files(). `list`: of a file that "@file" includes, which holds host names. `problem`: why a file has no lines; one with a
-- PEM block is not shown. Lines are handled as encode(…, 'escape') writes bytes.
DROP FUNCTION IF EXISTS tls_exporter.hosts_lines();
CREATE FUNCTION tls_exporter.hosts_lines(OUT path text, OUT line_number integer, OUT line bytea, OUT list boolean, OUT problem text,
                                         OUT certificate bytea, OUT ca bytea)
  RETURNS SETOF record LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  word constant text := '(?:[^ \t\r,#"]|"[^"]*(?:"|$))+';
  field constant text := '(' || word || '(?:,[ \t\r,]*' || word || ')*)|#.*';
  boolean_word constant text := '^"?(t|tr|tru|true|f|fa|fal|fals|false|y|ye|yes|n|no|on|of|off|0|1)"?$';
  paths text[] := ARRAY[current_setting('hosts_file', true)];
  lists boolean[] := ARRAY[false];
  optional boolean[] := ARRAY[true];
  i integer := 0;
  rows_left integer := 10000;
  content bytea;
  physical text;
  number bigint;
  logical text;
  fields text[];
  target text;
  entry text;
BEGIN
  IF current_setting('ssl_sni', true) IS DISTINCT FROM 'on' OR paths[1] IS NULL THEN
    RETURN;
  END IF;
  WHILE i < cardinality(paths) LOOP
    i := i + 1;
    path := paths[i];
    list := lists[i];
    line_number := 0;
    line := NULL;
    problem := NULL;
    certificate := NULL;
    ca := NULL;
    content := NULL;
    IF i > 100 THEN
      RETURN;
    END IF;
    BEGIN
      IF path = ANY (paths[1:i - 1]) AND NOT list THEN
        problem := 'included_twice';
      ELSE
        content := CASE WHEN (pg_stat_file(path, true)).size = 0 THEN ''::bytea ELSE pg_read_binary_file(path, 0, 1048576, true) END;
        problem := CASE WHEN content IS NULL AND NOT optional[i] THEN 'missing'
                        WHEN octet_length(content) = 1048576 THEN 'too_large'
                        WHEN position('-----BEGIN ' IN encode(content, 'escape')) > 0 THEN 'unreadable' END;
      END IF;
    EXCEPTION WHEN OTHERS THEN
      problem := CASE WHEN SQLSTATE = '42501' THEN 'permission_denied' ELSE 'unreadable' END;
    END;
    IF problem IS NOT NULL THEN
      RETURN NEXT;
    END IF;
    CONTINUE WHEN problem IS NOT NULL OR content IS NULL;
    logical := NULL;
    FOR physical, number IN
      SELECT rtrim(t.line, E'\r'), t.n
      FROM string_to_table(replace(encode(content, 'escape'), E'\\\\', E'\\134'), E'\n') WITH ORDINALITY AS t(line, n)
    LOOP
      IF logical IS NULL THEN
        logical := '';
        line_number := number;
      END IF;
      IF right(physical, 4) = E'\\134' THEN
        logical := logical || left(physical, -4);
        CONTINUE;
      END IF;
      logical := logical || physical;
      fields := ARRAY(SELECT m[1] FROM regexp_matches(logical, field, 'g') WITH ORDINALITY AS x(m, n) WHERE m[1] IS NOT NULL ORDER BY n);
      logical := NULL;
      CONTINUE WHEN cardinality(fields) = 0;
      rows_left := rows_left - 1;
      IF rows_left < 0 THEN
        RETURN;
      END IF;
      IF NOT list AND cardinality(fields) = 2 AND replace(fields[1], '"', '') IN ('include', 'include_if_exists', 'include_dir') THEN
        target := convert_from(decode(replace(fields[2], '"', ''), 'escape'), getdatabaseencoding());
        target := CASE WHEN target LIKE '/%' THEN target ELSE regexp_replace(path, '[^/]*$', '') || target END;
        IF replace(fields[1], '"', '') = 'include_dir' THEN
          BEGIN
            FOR entry IN SELECT e FROM pg_ls_dir(target, false, false) e WHERE e LIKE '%.conf' AND e NOT LIKE '.%' ORDER BY e COLLATE "C" LOOP
              paths := paths || (target || '/' || entry);
              lists := lists || false;
              optional := optional || false;
            END LOOP;
          EXCEPTION WHEN OTHERS THEN  -- reading it as a file reports it
            paths := paths || target;
            lists := lists || false;
            optional := optional || false;
          END;
        ELSE
          paths := paths || target;
          lists := lists || false;
          optional := optional || (replace(fields[1], '"', '') = 'include_if_exists');
        END IF;
      ELSE
        FOR entry IN SELECT m[1] FROM regexp_matches(array_to_string(fields, ','), '(' || word || ')', 'g') AS x(m) WHERE m[1] LIKE '@_%' LOOP
          target := convert_from(decode(replace(substr(entry, 2), '"', ''), 'escape'), getdatabaseencoding());
          target := CASE WHEN target LIKE '/%' THEN target ELSE regexp_replace(path, '[^/]*$', '') || target END;
          IF NOT EXISTS (SELECT FROM unnest(paths, lists) AS x(p, l) WHERE p = target AND l) THEN
            paths := paths || target;
            lists := lists || true;
            optional := optional || false;
          END IF;
        END LOOP;
      END IF;
      certificate := NULL;
      ca := NULL;
      IF NOT list THEN
        IF cardinality(fields) >= 3 THEN
          certificate := decode(replace(fields[2], '"', ''), 'escape');
          ca := decode(replace(fields[4], '"', ''), 'escape');
        END IF;
        SELECT array_agg(CASE WHEN n <= 4 THEN f
                              WHEN regexp_replace(f, '"[^"]*("|$)', '', 'g') LIKE '%,%' THEN '-,-'
                              WHEN n = 6 AND f ~* boolean_word THEN f
                              ELSE '-' END ORDER BY n) INTO fields
        FROM unnest(fields[1:7]) WITH ORDINALITY AS x(f, n);
      END IF;
      line := decode(array_to_string(fields, ' '), 'escape');
      RETURN NEXT;
    END LOOP;
  END LOOP;
END
$$;
REVOKE ALL ON FUNCTION tls_exporter.hosts_lines() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tls_exporter.hosts_lines() TO tls_exporter;

-- ---- Certificate files (certificates collector)

-- When the file at this path, or what the path leads to, last changed. For the functions below: tls_exporter may not execute it.
DROP FUNCTION IF EXISTS tls_exporter.file_changed(text);
CREATE FUNCTION tls_exporter.file_changed(path text)
  RETURNS double precision LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  WITH way(path) AS (
    SELECT array_to_string(p.parts[1:n], '/')
    FROM (SELECT string_to_array($1, '/') AS parts) p
    CROSS JOIN LATERAL generate_series(least(3, cardinality(p.parts) - 1), cardinality(p.parts) - 1) n
  )
  SELECT extract(epoch FROM greatest(
    (SELECT greatest(s.modification, s.change) FROM pg_stat_file($1, true) s),
    (SELECT max(s.modification) FROM way w CROSS JOIN LATERAL pg_stat_file(w.path, true) s
     WHERE NOT starts_with(current_setting('data_directory'), w.path || '/')
       AND NOT (w.path = current_setting('data_directory')
                AND (s.modification <= pg_postmaster_start_time()
                     OR EXISTS (SELECT FROM unnest(ARRAY['current_logfiles', 'postgresql.auto.conf', 'backup_label.old', 'tablespace_map.old']) entry
                                CROSS JOIN LATERAL pg_stat_file(w.path || '/' || entry, true) e WHERE e.change = s.modification)))))
  )::float8
$$;
REVOKE ALL ON FUNCTION tls_exporter.file_changed(text) FROM PUBLIC;

-- The certificates and revocation lists in ssl_cert_file, ssl_ca_file, ssl_crl_file and ssl_crl_dir, and in the files of pg_hosts.conf,
-- as PEM text: only blocks of these kinds are returned, and no block can contain another, so a private key in such a file (or a
-- setting that names a key file) is not returned.
-- `problem` is null, or why the file could not be read. A row of the role crl_dir is ssl_crl_dir itself if it could not be listed. `whole`:
-- OpenSSL finds the same in `data` as in the file; what is missing is text, or a key that is skipped in a file of certificates.
-- `changed`: when the file, or what its path leads to, last changed (modification or change, whichever is later; entries of directories as
-- in hba_files()), in whole seconds; null: not known.
DROP FUNCTION IF EXISTS tls_exporter.certificate_files();
CREATE FUNCTION tls_exporter.certificate_files(
    OUT role text, OUT path text, OUT problem text, OUT data bytea, OUT whole boolean, OUT changed double precision)
  RETURNS SETOF record LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  kind constant text := '(?:(?:X509 |TRUSTED )?CERTIFICATE|X509 CRL)';
  block constant text := '-----BEGIN ' || kind || '-----[^-]*(?:-----END ' || kind || '-----)?';
  roles text[] := ARRAY['server', 'ca', 'crl'];
  paths text[] := ARRAY[current_setting('ssl_cert_file'), current_setting('ssl_ca_file'), current_setting('ssl_crl_file')];
  -- Any other block, from the beginning of a line to the end of a line.
  other constant text := '(?n)^-----BEGIN (?!CERTIFICATE|X509 |TRUSTED )([A-Z0-9 ]+)-----[ \t\r]*\n'
                         '(?:[A-Za-z0-9+/=]+[ \t\r]*\n)+-----END \1-----[ \t\r]*$';
  crl_dir constant text := current_setting('ssl_crl_dir');
  entry text;
  content bytea;
  lines text;
BEGIN
  BEGIN
    FOR entry IN SELECT e FROM pg_ls_dir(nullif(crl_dir, ''), false, false) e WHERE e ~ '^[0-9a-f]{8}\.r[0-9]+$' ORDER BY e COLLATE "C" LOOP
      roles := roles || 'crl'::text;
      paths := paths || (crl_dir || '/' || entry);
    END LOOP;
  EXCEPTION WHEN OTHERS THEN
    role := 'crl_dir';
    path := CASE WHEN crl_dir LIKE '/%' THEN crl_dir ELSE current_setting('data_directory') || '/' || crl_dir END;
    problem := CASE SQLSTATE WHEN '42501' THEN 'permission_denied'
                             WHEN '58P01' THEN 'missing'
                             WHEN '42809' THEN 'missing'  -- no directory
                             ELSE 'unreadable' END;
    RETURN NEXT;
  END;
  BEGIN
    FOR role, path IN
      SELECT DISTINCT r.role, convert_from(r.name, getdatabaseencoding())
      FROM tls_exporter.hosts_lines() h CROSS JOIN LATERAL (VALUES ('server', h.certificate), ('ca', h.ca)) AS r(role, name)
      WHERE r.name IS NOT NULL
      ORDER BY 1, 2 LIMIT 200
    LOOP
      roles := roles || role;
      paths := paths || path;
    END LOOP;
  EXCEPTION WHEN OTHERS THEN
    NULL;  -- a path that is no text here: the exporter reports the entries without a file
  END;
  FOR i IN 1 .. cardinality(paths) LOOP
    CONTINUE WHEN paths[i] = '' OR paths[i] = ANY (paths[1:i - 1]) AND roles[i] = 'crl';
    role := roles[i];
    path := CASE WHEN paths[i] LIKE '/%' THEN paths[i] ELSE current_setting('data_directory') || '/' || paths[i] END;
    problem := NULL;
    data := NULL;
    whole := NULL;
    changed := NULL;
    BEGIN
      -- Opening a FIFO would block; its size is 0, as that of an empty file.
      content := CASE WHEN (pg_stat_file(path, true)).size = 0 THEN ''::bytea ELSE pg_read_binary_file(path, 0, 16777216, true) END;
      IF content IS NULL THEN
        problem := 'missing';
      ELSE
        lines := encode(content, 'escape');
        -- With the end of its line, so that the text of one line stays on one line.
        data := decode(coalesce((SELECT string_agg(m[1], '' ORDER BY n)
                                 FROM regexp_matches(lines, '(' || block || '(?:[ \t\r]*(?:\n|$))?)', 'g')
                                   WITH ORDINALITY AS x(m, n)), ''), 'escape');
        whole := octet_length(content) < 16777216;
        IF position('-----' IN lines) > 0 THEN
          whole := whole AND position(E'\x01' IN lines) = 0;
          IF role = 'server' THEN
            lines := regexp_replace(lines, other, '', 'g');
          END IF;
          lines := regexp_replace(lines, block, E'\x01', 'g');
          whole := whole AND position('-----' IN lines) = 0 AND lines !~ E'[^\n\x01]\x01'
                   AND lines !~ E'\x01(?![ \t\r]*(?:\n|$)|\x01)';
        END IF;
      END IF;
      changed := tls_exporter.file_changed(path);  -- after the content: a newer time than the content's does no harm
    EXCEPTION WHEN OTHERS THEN
      problem := CASE WHEN SQLSTATE = '42501' THEN 'permission_denied' ELSE 'unreadable' END;
    END;
    RETURN NEXT;
  END LOOP;
END
$$;
REVOKE ALL ON FUNCTION tls_exporter.certificate_files() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tls_exporter.certificate_files() TO tls_exporter;

-- Whether the server can read ssl_key_file and finds a private key in it, and when it last changed. Nothing of the file is returned.
DROP FUNCTION IF EXISTS tls_exporter.private_key_file();
CREATE FUNCTION tls_exporter.private_key_file(OUT path text, OUT problem text, OUT changed double precision)
  RETURNS record LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  content bytea;
BEGIN
  path := current_setting('ssl_key_file');
  path := CASE WHEN path LIKE '/%' THEN path ELSE current_setting('data_directory') || '/' || path END;
  content := CASE WHEN (pg_stat_file(path, true)).size = 0 THEN ''::bytea ELSE pg_read_binary_file(path, 0, 16777216, true) END;
  IF content IS NULL THEN
    problem := 'missing';
  ELSIF encode(content, 'escape') !~ '-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----' THEN
    problem := 'malformed';
  END IF;
  changed := tls_exporter.file_changed(path);
EXCEPTION WHEN OTHERS THEN
  problem := CASE WHEN SQLSTATE = '42501' THEN 'permission_denied' ELSE 'unreadable' END;
END
$$;
REVOKE ALL ON FUNCTION tls_exporter.private_key_file() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tls_exporter.private_key_file() TO tls_exporter;

-- ---- Outgoing logical replication (links collector)

-- Where the subscriptions of the whole cluster lead, and how they are protected: of each conninfo only host, hostaddr, port, sslmode,
-- sslrootcert, gssencmode and sslcert (a path), and whether it names a service; never the conninfo. It is read as libpq reads it: keyword = value, where the
-- last of several counts, or a URI. `encoded`: the values are those of a URI, and may have bytes as %HH. `problem`: null, or why
-- nothing can be said. `server` (19): the foreign server, in the subscription's database, that says all this instead.
DROP FUNCTION IF EXISTS tls_exporter.subscriptions();
CREATE FUNCTION tls_exporter.subscriptions(
    OUT database text, OUT name text, OUT server oid, OUT encoded boolean, OUT host text, OUT hostaddr text, OUT port text,
    OUT sslmode text, OUT sslrootcert text, OUT gssencmode text, OUT service boolean, OUT problem text, OUT sslcert text)
  RETURNS SETOF record LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  WITH subscription AS MATERIALIZED (
    SELECT s.oid, d.datname::text AS database, s.subname::text AS name, nullif((to_jsonb(s) ->> 'subserver')::oid, 0::oid) AS server,
           coalesce(s.subconninfo, '') AS conninfo, coalesce(s.subconninfo ~ '^postgres(?:ql)?://', false) AS uri
    FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid
  ), authority AS (
    SELECT oid, string_agg(CASE WHEN one LIKE '[%' THEN substring(one FROM E'^\\[([^\\]]*)\\]') ELSE split_part(one, ':', 1) END,
                           ',' ORDER BY n) AS host,
           string_agg(coalesce(CASE WHEN one LIKE '[%' THEN substring(one FROM E'\\]:([0-9]*)$')
                                    ELSE substring(one FROM '^[^:]*:([0-9]*)$') END, ''), ',' ORDER BY n) AS port
    FROM subscription
    CROSS JOIN LATERAL string_to_table(substring(conninfo FROM '^[a-z]*://(?:[^@/]*@)?([^/?]*)'), ',') WITH ORDINALITY AS t(one, n)
    WHERE uri
    GROUP BY oid
  ), option AS (
    SELECT oid, n, o[1] AS key,
           regexp_replace(CASE WHEN o[2] LIKE '''%' THEN substr(o[2], 2, length(o[2]) - 2) ELSE o[2] END, E'\\\\(.)', E'\\1', 'g') AS value
    FROM subscription
    CROSS JOIN LATERAL regexp_matches(conninfo,
      E'([^= \\t\\n\\v\\f\\r]+)[ \\t\\n\\v\\f\\r]*=[ \\t\\n\\v\\f\\r]*(''(?:[^''\\\\]|\\\\.)*''|(?:(?:[^'' \\t\\n\\v\\f\\r\\\\]|\\\\.)(?:[^ \\t\\n\\v\\f\\r\\\\]|\\\\.)*)?)',
      'g') WITH ORDINALITY AS m(o, n)
    WHERE NOT uri
    UNION ALL
    SELECT oid, n, CASE WHEN o[1] = 'ssl' AND o[2] = 'true' THEN 'sslmode' ELSE o[1] END,
           CASE WHEN o[1] = 'ssl' AND o[2] = 'true' THEN 'require' ELSE o[2] END
    FROM subscription
    CROSS JOIN LATERAL regexp_matches(substring(conninfo FROM '^[a-z]*://(?:[^@/]*@)?[^?]*[?](.*)$'), '([^=&]*)=([^&]*)', 'g') WITH ORDINALITY AS m(o, n)
    WHERE uri
  ), options AS (
    SELECT oid, jsonb_object_agg(CASE key WHEN 'requiressl' THEN 'sslmode' ELSE key END,
                                 CASE WHEN key <> 'requiressl' THEN value WHEN value LIKE '1%' THEN 'require' ELSE 'prefer' END
                                 ORDER BY n) AS o,
           bool_or(key ~ '[% ]') AS hidden
    FROM option GROUP BY oid
  )
  SELECT s.database, s.name, s.server, s.uri, coalesce(nullif(o ->> 'host', ''), a.host), o ->> 'hostaddr',
         substring(coalesce(nullif(o ->> 'port', ''), a.port) FROM '^[0-9, ]*$'), o ->> 'sslmode', o ->> 'sslrootcert', o ->> 'gssencmode',
         coalesce(o ->> 'service', '') <> '',
         CASE WHEN s.uri AND hidden THEN 'malformed' END, o ->> 'sslcert'
  FROM subscription s
  LEFT JOIN authority a USING (oid)
  LEFT JOIN options USING (oid)
  ORDER BY 1, 2
$$;
REVOKE ALL ON FUNCTION tls_exporter.subscriptions() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tls_exporter.subscriptions() TO tls_exporter;

-- ---- The server's log (log collector)

-- The names of the log files that are being written. Up to PostgreSQL 16 pg_monitor does not include this.
GRANT EXECUTE ON FUNCTION pg_current_logfile(), pg_current_logfile(text) TO tls_exporter;

-- The key of the marks that log_records() returns. Only its owner may read it: without a key, a mark would be a checksum of 64 octets of
-- the log, and a reader who knows 63 of them would find the next one by trying all 256.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
                 WHERE c.oid = to_regclass('tls_exporter.log_mark_key') AND c.relkind = 'r' AND r.rolsuper) THEN
    DROP TABLE IF EXISTS tls_exporter.log_mark_key;
    CREATE TABLE tls_exporter.log_mark_key AS
      SELECT sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) AS key;
  END IF;
END
$$;
REVOKE ALL ON TABLE tls_exporter.log_mark_key FROM PUBLIC, tls_exporter;

-- The connection records in a piece of a log file, in the format of the file: who connected, how, and who was rejected. Nothing else
-- leaves the server: the log also holds queries, parameters and passwords.
--
-- Another file cannot be read: `file` must be the name of an entry of pg_ls_logdir(), which lists the regular files of log_directory. A
-- name with a slash is no entry, and a FIFO or a device is not listed, and so not opened. (A symbolic link to a regular file is listed.
-- Only the server's operating system user can make one, and of its target, too, only connection records are returned.)
--
-- A query text cannot be read: a connection record is recognized only where no text of a user can be. In jsonlog it has certain values
-- of two keys, in csvlog of two columns: within a string each quote is escaped or doubled. In stderr its text follows the first label
-- (such as "LOG:  ") of a line that does not begin with a tab: every further line of a query does. This does not depend on where a piece
-- begins or ends. A record with a context, statement or query was written by a user's function (RAISE LOG): its message is cut after its
-- first words.
--
-- Arguments: `start`, an octet where a line begins, or any octet with a state. `size`, how many octets to read: 1 kB to 16 MB. `state`
-- and `mark`: 0 and null, or next_state and next_mark of the previous piece. A state that is not 0: within a record of which the rest is
-- skipped, such as one that is larger than a piece. The end of the name is the format: .json or .csv, also before a suffix as in
-- "postgresql.csv.1"; else stderr.
--
-- Result: `next`, where to continue: after the last whole record. A record of stderr is whole if another one follows, or the file ends.
-- `at_end`: no whole record follows `next`. `skipped`: octets of records of which a part is skipped. `ambiguous`: lines that are not
-- returned, but may be connection records if a name in log_line_prefix contains a label. `problem`: no_such_file, unreadable, or
-- replaced: the file is shorter than `start`, it differs before `start`, or no line begins there. All others are null then. `records`:
-- each ends with a newline; then the time of the last record of the piece, whatever it is, in a record that has nothing else.
--
-- Text is handled as encode(…, 'escape') writes bytes, with \134 for a backslash: names may contain any bytes.
DROP FUNCTION IF EXISTS tls_exporter.log_records(text, bigint, integer, smallint, bytea);
CREATE FUNCTION tls_exporter.log_records(
    file text, start bigint, size integer, state smallint, mark bytea,
    OUT next bigint, OUT next_state smallint, OUT next_mark bytea, OUT at_end boolean, OUT skipped bigint, OUT ambiguous integer,
    OUT problem text, OUT records bytea)
  RETURNS record LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on
AS $$
DECLARE
  format constant text := coalesce(substring(file FROM '\.(json|csv)(?:[.-][^/]*)?$'), 'stderr');
  wanted constant integer := least(greatest(coalesce(size, 0), 1024), 16777216);
  origin constant bigint := greatest(coalesce(start, 0), 0);
  before constant integer := least(origin, 64);
  skipping constant boolean := coalesce(state, 0) <> 0;
  log_text constant text := '(?:connection received: |connection authenticated: |connection authorized: |replication connection authorized: '
                            '|could not accept SSL connection: )';
  fatal_text constant text := '(?:pg_hba\.conf rejects |no pg_hba\.conf entry for )';
  log_time constant text := '[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)? [A-Za-z0-9+-]+';
  -- jsonlog
  json_rest constant text := '(?:[^"\\]|\\134(?:[^\\]|\\134)|\\[023])*"';
  json_value constant text := '(?:"' || json_rest || '|-?[0-9]+)';
  json_record constant text := '^\{"timestamp":"' || json_rest || '(?:,"[a-z_]+":' || json_value || ')*\}$';
  json_keys constant text := 'user|dbname|pid|remote_host|remote_port|session_id|line_num|ps|session_start|error_severity|state_code'
                             '|message|application_name|backend_type';
  -- csvlog. A line certainly begins a record if it has a quote that opens a column: one that closes a column stands before a comma.
  csv_column constant text := ',(?:"(?:[^"]|"")*"|[^",]*)';
  csv_kept constant text := ',(?:LOG,[0-9A-Z]{5},"' || log_text || '|FATAL,[0-9A-Z]{5},"' || fatal_text || ')';
  csv_begin constant text := '^' || log_time || '(?:' || csv_column || ')*,"(?:"")*(?:[^",]|$)';
  -- stderr: what begins a record or a further part of it. Names in the prefix may contain newlines and tabs.
  names_in_prefix constant boolean := current_setting('log_line_prefix') ~ '%-?[0-9]*[ud]';
  further constant text[] := ARRAY['DETAIL:  ', 'HINT:  ', 'QUERY:  ', 'CONTEXT:  ', 'STATEMENT:  ', 'LOCATION:  ', 'BACKTRACE:  '];
  label constant text := '(?:DEBUG[1-5]?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC'
                         '|DETAIL|HINT|QUERY|CONTEXT|STATEMENT|LOCATION|BACKTRACE):  ';
  stderr_kept constant text := '(?:LOG:  (?:[0-9A-Z]{5}: )?' || log_text || '|FATAL:  (?:[0-9A-Z]{5}: )?' || fatal_text || ')';
  piece bytea;
  octets integer;
  reached boolean;  -- the end of the file
  fresh boolean;    -- a line begins at `start`
  key bytea;
  content text;
  lines text[];     -- the last one is not whole
  total integer;
  first integer;    -- of the whole records
  last integer;
  uncertain integer := 0;  -- csvlog: the last line, if the piece ends with a quote, which may be the first half of an escaped one ("")
  large boolean;    -- no record is whole
  beyond text;      -- what follows a record that is not whole
  used integer;     -- octets before `next`
  kept text[] := '{}';
  line text;
  found text;
  start_of text;
  message text;
  query text;
  rest text;
  parts text[];
  contexts text[];
  adding boolean;
  i integer;
BEGIN
  BEGIN
    IF NOT EXISTS (SELECT FROM pg_ls_logdir() l WHERE l.name = file COLLATE "C") THEN
      problem := 'no_such_file';
      RETURN;
    END IF;
    -- One octet more than wanted shows whether the file goes on.
    piece := pg_read_binary_file(current_setting('log_directory') || '/' || file, origin - before, before + wanted + 1, true);
    SELECT k.key INTO key FROM tls_exporter.log_mark_key k;
  EXCEPTION
    WHEN undefined_file THEN
      problem := 'no_such_file';
      RETURN;
    WHEN OTHERS THEN
      problem := 'unreadable';
      RETURN;
  END;
  fresh := before = 0;
  IF octet_length(piece) >= before AND before > 0 THEN
    fresh := get_byte(piece, before - 1) = 10;
  END IF;
  problem := CASE WHEN piece IS NULL THEN 'no_such_file'
                  WHEN start < 0 OR octet_length(piece) < before OR NOT skipping AND NOT fresh
                    OR mark <> sha256(key || int8send(origin) || substr(piece, 1, before)) THEN 'replaced' END;
  IF problem IS NOT NULL THEN
    RETURN;
  END IF;

  reached := octet_length(piece) <= before + wanted;
  octets := least(octet_length(piece) - before, wanted);
  content := replace(encode(substr(piece, before + 1, octets), 'escape'), '\\', '\134');
  lines := CASE WHEN octets = 0 THEN ARRAY[''] ELSE string_to_array(content, E'\n') END;

  IF format = 'csv' AND lines[cardinality(lines)] LIKE '%"' THEN
    uncertain := cardinality(lines);
  END IF;

  -- The lines of the whole records
  first := CASE WHEN fresh THEN 1 ELSE 2 END;
  WHILE skipping AND first <= cardinality(lines)
        AND CASE format WHEN 'csv' THEN lines[first] !~ csv_begin OR first = uncertain
                        WHEN 'stderr' THEN lines[first] LIKE E'\t%' OR coalesce(substring(lines[first] FROM label) = ANY (further), true)
                        ELSE false END LOOP
    first := first + 1;
  END LOOP;
  IF format = 'csv' AND first <= cardinality(lines) THEN
    -- One line for each record: a newline within quotes becomes \012. If a line within quotes certainly begins a record, the server did not
    -- write the record before it to its end; the piece ends there.
    WITH one AS MATERIALIZED (
      SELECT t.l, t.n, sum(octet_length(t.l) - octet_length(replace(t.l, '"', '')))
                         OVER (ORDER BY t.n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) % 2 = 1 AS quoted
      FROM unnest(lines[first:]) WITH ORDINALITY AS t(l, n)
    ), broken AS (
      SELECT min(one.n) AS n FROM one WHERE one.quoted AND one.l LIKE '____-__-__ %' AND one.l ~ csv_begin
        AND first + one.n - 1 <> uncertain
    )
    SELECT string_agg(CASE WHEN one.n = 1 THEN '' WHEN one.quoted THEN '\012' ELSE E'\n' END || one.l, '' ORDER BY one.n), max(broken.n)
    INTO content, i
    FROM one CROSS JOIN broken WHERE broken.n IS NULL OR one.n < broken.n;
    beyond := array_to_string(lines[first + i - 1:], E'\n');
    lines := lines[1:first - 1] || CASE WHEN content = '' THEN ARRAY[''] ELSE string_to_array(content, E'\n') END;
  END IF;
  total := cardinality(lines);
  last := total - 1;
  IF format = 'stderr' AND NOT reached THEN  -- before the last record
    last := total;
    WHILE last >= first AND (lines[last] LIKE E'\t%' OR coalesce(substring(lines[last] FROM label) = ANY (further), true)) LOOP
      last := last - 1;
    END LOOP;
    last := last - 1;
  END IF;
  large := first > total OR beyond IS NULL AND NOT skipping AND NOT reached AND last < first;
  IF large THEN
    first := total + 1;
    last := CASE WHEN total = 1 AND NOT reached THEN 1 ELSE total - 1 END;  -- the rest may be the beginning of the next record
  END IF;
  used := octets - octet_length(decode(coalesce(beyond, array_to_string(lines[last + 1:total], E'\n')), 'escape'));
  next := origin + used;
  next_state := large::integer;
  next_mark := sha256(key || int8send(next) || substr(piece, greatest(before + used - 63, 1), least(before + used, 64)));
  at_end := reached AND beyond IS NULL;
  skipped := CASE WHEN large THEN used
                  ELSE octet_length(decode(array_to_string(lines[1:first - 1], E'\n'), 'escape')) + (first > 1)::integer
                       + CASE WHEN beyond IS NULL THEN 0 ELSE octet_length(decode(lines[total], 'escape')) + 1 END END;
  ambiguous := 0;

  -- The connection records
  IF position('connection' IN content) = 0 AND position('pg_hba.conf' IN content) = 0 THEN
    NULL;  -- most pieces of a busy server
  ELSIF format = 'json' THEN
    FOREACH line IN ARRAY lines[first:last] LOOP
      CONTINUE WHEN strpos(line, ',"message":"') = 0;
      found := substring(substr(line, strpos(line, ',"message":"') + 12, 50)
                         FROM CASE WHEN strpos(line, ',"error_severity":"LOG",') > 0 THEN '^' || log_text
                                   WHEN strpos(line, ',"error_severity":"FATAL",') > 0 THEN '^' || fatal_text END);
      CONTINUE WHEN found IS NULL;
      IF line !~ json_record THEN
        ambiguous := ambiguous + 1;
      ELSIF strpos(line, ',"context":') + strpos(line, ',"statement":') + strpos(line, ',"internal_query":') > 0 THEN
        line := regexp_replace(left(line, -1), ',"message":"' || json_rest, ',"message":"' || found || '"');
        kept := kept || (regexp_replace(line, ',"(?!(?:' || json_keys || ')")[a-z_]+":' || json_value, '', 'g') || ',"context":""}');
      ELSE
        kept := kept || regexp_replace(line, ',"(?!(?:detail|hint|' || json_keys || ')")[a-z_]+":' || json_value, '', 'g');
      END IF;
    END LOOP;
  ELSIF format = 'csv' THEN
    FOREACH line IN ARRAY lines[first:last] LOOP
      CONTINUE WHEN strpos(line, 'connection') + strpos(line, 'pg_hba.conf') = 0 OR line !~ csv_kept;
      found := substring(line FROM '^[0-9]+-[^",]*(?:' || csv_column || '){10}' || csv_kept);
      rest := substr(line, length(found) + 1);
      message := substring(rest FROM '^(?:[^"]|"")*"(?:' || csv_column || '){2}');  -- with detail and hint
      rest := substr(rest, length(message) + 1);
      query := substring(rest FROM '^(?:' || csv_column || '){6}');
      rest := substr(rest, length(query) + 1);
      IF rest ~ ('^(?:' || csv_column || '){2,}$') THEN
        kept := kept || (found || CASE WHEN query ~ '^,,[^",]*,,,' THEN message || ',,,,,,' ELSE '",,,,,"x",,,' END || rest);
      ELSE
        ambiguous := ambiguous + 1;
      END IF;
    END LOOP;
  ELSE
    FOR i IN
      SELECT s.n FROM unnest(lines) WITH ORDINALITY AS s(l, n)
      WHERE s.n BETWEEN first AND last AND (strpos(s.l, 'connection') > 0 OR strpos(s.l, 'pg_hba.conf') > 0) AND s.l ~ stderr_kept
      ORDER BY s.n
    LOOP
      line := lines[i];
      found := substring(line FROM label);
      found := substring(substr(line, strpos(line, found)) FROM '^' || stderr_kept);
      IF line LIKE E'\t%' OR found IS NULL THEN
        ambiguous := ambiguous + (names_in_prefix OR line NOT LIKE E'\t%')::integer;
        CONTINUE;
      END IF;
      start_of := left(line, strpos(line, found) + length(found) - 1);
      parts := ARRAY[line];
      contexts := '{}';
      adding := true;
      FOR j IN i + 1 .. last LOOP
        line := lines[j];
        IF line NOT LIKE E'\t%' THEN
          found := substring(line FROM label);
          EXIT WHEN found <> ALL (further);
          adding := coalesce(found IN ('DETAIL:  ', 'HINT:  '), false);
          IF found IN ('QUERY:  ', 'CONTEXT:  ', 'STATEMENT:  ') THEN
            contexts := contexts || left(line, strpos(line, found) + length(found) - 1);
          END IF;
        END IF;
        IF adding THEN
          parts := parts || line;
        END IF;
      END LOOP;
      kept := kept || CASE WHEN contexts = '{}' THEN array_to_string(parts, E'\n')
                           ELSE array_to_string(start_of || contexts, E'\n') END;
    END LOOP;
  END IF;

  -- The time of the last record
  IF format = 'json' THEN
    found := '{"timestamp":"' || substring(lines[last] FROM '^\{"timestamp":"(' || log_time || ')"') || '"}';
  ELSIF format = 'csv' THEN
    found := substring(lines[last] FROM '^(' || log_time || '),') || repeat(',', 25);
  ELSE
    found := NULL;
    WHILE last >= first AND (lines[last] LIKE E'\t%' OR coalesce(substring(lines[last] FROM label) = ANY (further), true)) LOOP
      last := last - 1;
    END LOOP;
    IF last >= first THEN
      line := left(lines[last], strpos(lines[last], substring(lines[last] FROM label)) - 1);
      found := CASE WHEN line ~ (log_time || '|[0-9]{10}\.[0-9]{3}') THEN line || 'LOG:  ' END;
    END IF;
  END IF;
  IF last >= first AND found IS NOT NULL THEN
    kept := kept || found;
  END IF;
  records := decode(array_to_string(kept || ''::text, E'\n'), 'escape');
END
$$;
REVOKE ALL ON FUNCTION tls_exporter.log_records(text, bigint, integer, smallint, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tls_exporter.log_records(text, bigint, integer, smallint, bytea) TO tls_exporter;

COMMIT;
