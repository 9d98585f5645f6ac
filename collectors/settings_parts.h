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

inline constexpr sampling::DeclaredPart kSettingsParts[] = {
    {"settings", "settings that name files or restrict TLS", kSettingsRemedies},
    {"configuration_files", "what the configuration files say", kConfigurationFilesRemedies},
    {"wal_receiver", "the connection to the upstream server", kWalReceiverRemedies},
    sampling::kConfigurationInForcePart,
};

}  // namespace pgtls::collectors
