// The settings that the settings collector reads.
#pragma once

// A condition on `name`: whether the setting concerns encryption or authentication. Never ssl_passphrase_command, which
// may contain the passphrase, and never a conninfo. tls_exporter.file_settings() of deploy/sql/monitoring_role.sql has
// the same condition; a test compares the two.
#define PGTLS_RELEVANT_SETTING_SQL                                                                                 \
  "(name ~ '^(ssl|gss_|krb_)' OR name IN ('password_encryption', 'scram_iterations', 'md5_password_warnings', "    \
  "'log_connections', 'log_disconnections', 'log_replication_commands', 'log_hostname', "                          \
  "'trace_connection_negotiation', 'db_user_namespace', "                                                          \
  "'oauth_validator_libraries', 'listen_addresses', 'port', 'unix_socket_directories', 'hba_file', 'ident_file', " \
  "'hosts_file', 'data_directory')) AND name <> 'ssl_passphrase_command'"
