// What may not be known of a server's next start, and what to do about it.
#pragma once

#include "exporter/sampling/part.h"

namespace pgtls::collectors {

// Of a file that the server reads at its start.
inline constexpr sampling::Remedy kStartFileRemedies[] = {
    {"sql",
     "SQL shows neither the content nor the owner of this file. Run the exporter on the server's machine, over the "
     "Unix socket or with read_via: local."},
    {"contents",
     "The file contains more than certificates and revocation lists, and only these can be read over SQL. Move the "
     "rest to another file, or run the exporter on the server's machine. (If an older version installed "
     "tls_exporter.certificate_files(), run deploy/sql/monitoring_role.sql again.)"},
    {"setting_not_visible",
     "GRANT pg_read_all_settings TO the exporter's role: the path of this file is not visible to it."},
    {"pending_reload",
     "The path was changed, and the server's functions still read the old one. Run SELECT pg_reload_conf();"},
    {"permission_denied",
     "The exporter's OS user may not read the file. Run the exporter as the server's OS user (postgres), which alone "
     "may read a private key."},
    {"server_access",
     "Whether the server's OS user may read the file could not be determined: an access control list (getfacl) "
     "decides, its groups are not known here, or the exporter may not search a directory on the path. Test it on the "
     "server's machine: sudo -u postgres test -r FILE && echo readable."},
    {"data_directory",
     "The owner of data_directory is not visible here. Give the exporter's OS user search permission on the "
     "directories above it."},
    {"other_file_system",
     "The exporter runs in another container or mount namespace, where this path leads to other files. Mount the "
     "server's directory at the same path, or set read_via: sql."},
    {"missing", "The file disappeared while it was read. It is checked again at the next collection."},
    {"unreadable", "The file could not be read: run `ls -lL` on it. A disk error is in the kernel's log."},
    {"too_large", "The file is larger than 16 MB. Remove from it what the server does not need."},
    {"device", "The path is a device. Use a regular file."},
    {"passphrase",
     "The key is encrypted, and only ssl_passphrase_command has its passphrase. Check that `openssl pkey -in KEY "
     "-noout` accepts the passphrase that this command prints."},
    {"certificate", "The certificate that the key must match could not be read: see next_start_server."},
    {"key_algorithm",
     "The exporter's OpenSSL does not know the algorithm of this key. Run the exporter on a machine whose OpenSSL is "
     "as new as the server's."},
    {"security_level",
     "The key or the signature is too weak for the security level that some versions of OpenSSL have by default, and "
     "the server's is not known here. Use RSA 2048, EC P-256 or larger and SHA-256."},
    {"openssl_version",
     "Some versions of OpenSSL refuse this file (a byte order mark at its start, or small DH parameters), and the "
     "server's version is not known. Remove the byte order mark (sed -i '1s/^\\xEF\\xBB\\xBF//' FILE), or generate "
     "larger DH parameters (openssl dhparam -out FILE 2048)."},
};
inline constexpr sampling::Remedy kStartSettingRemedies[] = {
    {"setting_not_visible", "GRANT pg_read_all_settings TO the exporter's role: this setting is not visible to it."},
    {"openssl_version",
     "Whether OpenSSL accepts the value depends on its version, and the server's library is not visible here. Run the "
     "exporter as the server's OS user on its machine, or use names that every version has."},
    {"insufficient_privilege",
     "The result applies to the settings in force, not to a change in a configuration file that waits for a "
     "reload. Run deploy/sql/monitoring_role.sql as a superuser, which grants access to the contents of these files."},
    {"sni",
     "With ssl_sni on, the certificates are those of pg_hosts.conf, which PostgreSQL does not show. Check them with "
     "`openssl s_client -starttls postgres -servername NAME`."},
};
inline constexpr sampling::Remedy kStartHbaRemedies[] = {
    {"insufficient_privilege",
     "Run deploy/sql/monitoring_role.sql as a superuser in the database that the exporter connects to: it grants "
     "access to the rules of pg_hba.conf."},
    {"pending_restart",
     "hba_file was changed and waits for the restart: the rules of the new file are not visible before it. Check the "
     "new file by hand."},
    {"error", "Check the server log for the error of pg_hba_file_rules()."},
};

}  // namespace pgtls::collectors
