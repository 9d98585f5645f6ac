// What the settings collector may not see, and what to do about it.
#pragma once

#include "exporter/sampling/part.h"

namespace pgtls::collectors {

inline constexpr sampling::Remedy kSettingsRemedies[] = {
    {"insufficient_privilege", "GRANT pg_read_all_settings TO tls_exporter; (the role that the exporter logs in as)"},
};
inline constexpr sampling::Remedy kConfigurationFilesRemedies[] = {
    {"insufficient_privilege", sampling::kRunRoleFile},
};
inline constexpr sampling::Remedy kWalReceiverRemedies[] = {
    {"insufficient_privilege", "GRANT pg_read_all_stats TO tls_exporter; (the role that the exporter logs in as)"},
};

inline constexpr sampling::Remedy kRolePasswordsRemedies[] = {
    {"insufficient_privilege", sampling::kRunRoleFile},
};

inline constexpr std::string_view kCorrectHostsFile =
    "Correct the file and line that are named, then SELECT pg_reload_conf(); PostgreSQL refuses the whole "
    "pg_hosts.conf because of one error: a reload keeps what was loaded before, and a start fails. The other lines "
    "were read.";
inline constexpr sampling::Remedy kHostsRemedies[] = {
    {"insufficient_privilege", sampling::kRunRoleFile},
    {"malformed", kCorrectHostsFile},
    {"too_many_entries",
     "pg_hosts.conf lists more names than the exporter reads. The certificates of the first ones are checked; list "
     "others in "
     "endpoint_names."},
};

inline constexpr sampling::Remedy kAuthHbaFileRemedies[] = {
    {"unsupported",
     "Read PgBouncer's auth_hba_file: host lines admit clients without TLS (unless client_tls_sslmode requires it), "
     "and trust admits anyone. The exporter analyses pg_hba.conf of PostgreSQL only."},
};

inline constexpr sampling::DeclaredPart kSettingsParts[] = {
    {"settings", "settings that name files or restrict TLS", kSettingsRemedies},
    {"configuration_files", "the contents of the configuration files", kConfigurationFilesRemedies},
    {"wal_receiver", "the connection to the upstream server", kWalReceiverRemedies},
    {"role_passwords", "how the passwords of roles are stored", kRolePasswordsRemedies},
    {"hosts", "the host names in pg_hosts.conf", kHostsRemedies},
    {"auth_hba_file", "the rules in PgBouncer's auth_hba_file", kAuthHbaFileRemedies},
    sampling::kConfigurationInForcePart,
};

}  // namespace pgtls::collectors
