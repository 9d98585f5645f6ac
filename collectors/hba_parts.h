// What the hba collector may not see, and what to do about it.
#pragma once

#include "exporter/sampling/part.h"

namespace pgtls::collectors {

inline constexpr sampling::Remedy kHbaDenied[] = {{"insufficient_privilege", sampling::kRunRoleFile}};
inline constexpr sampling::Remedy kHbaRawTextRemedies[] = {
    {"insufficient_privilege", sampling::kRunRoleFile},
    {"error",
     "Check the server log for the error of tls_exporter.hba_rules(): a file that the server's user cannot read, or "
     "text that is not in the database's encoding. If an older version installed the function, run "
     "deploy/sql/monitoring_role.sql again."},
};
inline constexpr sampling::Remedy kHbaFileTimesRemedies[] = {
    {"insufficient_privilege", sampling::kRunRoleFile},
    {"error",
     "Check the server log for the error of tls_exporter.hba_files(): a file or directory that the server's user "
     "cannot read. If an older version installed the function, run deploy/sql/monitoring_role.sql again."},
    {"outdated",
     "An older version installed tls_exporter.hba_files(), which does not report directories: run "
     "deploy/sql/monitoring_role.sql again as a superuser."},
};
inline constexpr sampling::Remedy kHbaConnectionsRemedies[] = {
    {"insufficient_privilege", "GRANT pg_read_all_stats TO tls_exporter; (the role that the exporter logs in as)"},
    {"no_sessions",
     "The sessions collector reads the open connections. Enable it for this server (collectors.sessions.enabled: true, "
     "no --no-collector.sessions; a module of /probe lists it under collectors), or fix the reason why its last run "
     "failed. After a restart or a failover of the server the next run of both collectors is enough."},
    {"encryption_unknown",
     "The server does not show how some sessions are protected, and the rule depends on it. Compare pg_stat_activity "
     "with pg_stat_ssl on the server: a client in the first has no row in the second. Check that pg_stat_ssl is "
     "PostgreSQL's own view (\\d+ pg_catalog.pg_stat_ssl in psql)."},
};
inline constexpr sampling::Remedy kHbaRolesRemedies[] = {
    {"too_many",
     "The cluster has more than 100,000 roles, databases and memberships, too many to evaluate pg_hba.conf for each. "
     "Drop roles that are not used, or disable the collector (--no-collector.hba) and rely on the sessions collector."},
};
inline constexpr sampling::Remedy kHbaAnalysisRemedies[] = {
    {"too_large",
     "Simplify pg_hba.conf: merge address ranges, and replace lists of users with groups (+role). pg_tls_exporter "
     "explain still decides single connections."},
};
inline constexpr sampling::Remedy kHbaRegexRemedies[] = {
    {"insufficient_privilege", sampling::kRunRoleFile},
    {"error",
     "Check the server log for the error: a regular expression in pg_hba.conf (a field that begins with /) that "
     "PostgreSQL cannot compile, or a name that is not in the database's encoding. Fix that field."},
};
inline constexpr sampling::Remedy kHbaInForceRemedies[] = {
    {"reload_pending",
     "Reload the server (SELECT pg_reload_conf();), which makes the server load the file. If PostgreSQL refuses the "
     "file, fix the lines that the finding hba_errors lists first."},
    {"changed_with_load",
     "The file changed in the same second in which the server loaded it, before or after the load. Reload the server "
     "once more (SELECT pg_reload_conf();)."},
    {"path_changed",
     "A directory on the path to pg_hba.conf changed after the server loaded the file, so that the path may lead to "
     "another file now (a symbolic link, a renamed directory). Check the file, then reload the server (SELECT "
     "pg_reload_conf();)."},
};

inline constexpr sampling::Remedy kHbaMapsRemedies[] = {
    {"insufficient_privilege", sampling::kRunRoleFile},
    {"outdated",
     "An older version installed tls_exporter.hba_rules(), which does not report the maps that rules name: run "
     "deploy/sql/monitoring_role.sql again as a superuser."},
    {"server_version",
     "PostgreSQL 14 does not show pg_ident.conf. Check the lines of the maps that rules of pg_hba.conf name (map=) in "
     "the file, or upgrade the server."},
    {"too_many_lines",
     "pg_ident.conf has more than 10,000 lines. Replace lines by a regular expression, such as /^(.*)@EXAMPLE\\.COM$."},
    {"error",
     "Check the server log for the error of tls_exporter.ident_mappings(), for example text that is not in the "
     "database's encoding."},
};

inline constexpr sampling::DeclaredPart kHbaParts[] = {
    {"rules", "the rules of pg_hba.conf", kHbaDenied},
    {"raw_text", "quotes in pg_hba.conf", kHbaRawTextRemedies},
    {"file_times", "whether pg_hba.conf changed after it was loaded", kHbaFileTimesRemedies},
    {"connections", "which rule admitted the open connections", kHbaConnectionsRemedies},
    {"rules_in_force", "the rules in force (pg_hba.conf changed, or may have changed, after it was loaded)",
     kHbaInForceRemedies},
    {"roles", "the roles and databases that the rules of pg_hba.conf name", kHbaRolesRemedies},
    {"analysis", "what the rules of pg_hba.conf admit (too many combinations)", kHbaAnalysisRemedies},
    {"ident_maps", "the maps of pg_ident.conf that rules of pg_hba.conf name", kHbaMapsRemedies},
    {"regular_expressions", "what the regular expressions in pg_hba.conf match", kHbaRegexRemedies},
    sampling::kConfigurationInForcePart,
};

}  // namespace pgtls::collectors
