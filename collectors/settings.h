// The server's settings that concern encryption: pg_settings, pg_file_settings, the connection of a standby; and how
// the passwords of roles are stored.
//
// Runs on a fresh connection: a long-lived session's own values are not the server's. What the role may not see is
// absent and reported as an incomplete part: `settings` (pg_read_all_settings), `configuration_files`
// (tls_exporter.file_settings() of deploy/sql/monitoring_role.sql), `wal_receiver` (pg_read_all_stats),
// `role_passwords` (tls_exporter.role_passwords()). Publishes settings::ServerSettings, settings::RolePasswords.
#pragma once

#include "exporter/sampling/collector.h"

namespace pgtls::collectors {

const sampling::CollectorType& SettingsCollector();

}  // namespace pgtls::collectors
