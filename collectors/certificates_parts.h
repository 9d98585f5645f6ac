// What the certificates collector may not see, and what to do about it.
#pragma once

#include "collectors/next_start_parts.h"
#include "collectors/settings_parts.h"
#include "exporter/sampling/part.h"

namespace pgtls::collectors {

inline constexpr sampling::Remedy kServedRemedies[] = {
    {"connection",
     "Check that the address in the conninfo (or `endpoint:`) resolves here, that PostgreSQL listens there "
     "(listen_addresses, port), and that no firewall or proxy is in between."},
    {"timeout",
     "The server accepted the connection and did not answer in time. Check its load and the network, or raise "
     "collectors.certificates.timeout."},
    {"tls",
     "The TLS handshake failed. `openssl s_client -starttls postgres -connect HOST:PORT` shows at which step, and the "
     "server log has the server's reason."},
};
inline constexpr sampling::Remedy kNamesRemedies[] = {
    {"connection",
     "The connection ended when it was asked for this name. Check the server log, and the proxy's if one answers at "
     "this address."},
    {"timeout",
     "The handshake for this name had no answer in time. Check the server's load and the network, or raise "
     "collectors.certificates.timeout."},
    {"tls",
     "The TLS handshake for this name failed. `openssl s_client -starttls postgres -servername NAME -connect "
     "HOST:PORT` shows why. If the server does not have the name, add an entry for it to pg_hosts.conf (or a route to "
     "the proxy), or remove it from endpoint_names."},
    {"too_many",
     "pg_hosts.conf and endpoint_names have more names than the exporter tries: those of endpoint_names come first, "
     "then the first ones of pg_hosts.conf. Name the most important ones in endpoint_names."},
};
inline constexpr sampling::Remedy kHostFilesRemedies[] = {
    {"not_read", sampling::kRunRoleFile},
    {"malformed", kCorrectHostsFile},
};
inline constexpr sampling::Remedy kFilesRemedies[] = {
    {"connection",
     "The paths and contents of these files are read over SQL, and there was no connection. Fix the login first (see "
     "the finding no_login); they are read at the next collection afterwards."},
    {"authentication",
     "The paths and contents of these files are read over SQL, and the server refused it. Fix the login first (see the "
     "finding no_login)."},
    {"tls",
     "The paths and contents of these files are read over SQL, and its TLS connection failed. Fix the login first (see "
     "the finding no_login)."},
    {"insufficient_privilege",
     "Run deploy/sql/monitoring_role.sql as a superuser in the database that the exporter connects to, and connect as "
     "tls_exporter. With read_via: local, on the server's machine, GRANT pg_read_all_settings is enough."},
    {"timeout", "The server did not answer in time. Check its load, or raise collectors.certificates.timeout."},
    {"error",
     "Check the server log for the error of tls_exporter.certificate_files(). If an older version installed the "
     "function, run deploy/sql/monitoring_role.sql again."},
    {"missing",
     "A directory of certificates or revocation lists does not exist: correct ssl_crl_dir, or the pattern under "
     "collectors.certificates.files."},
    {"permission_denied",
     "Give the exporter's OS user (through SQL: the server's) read and search permission (r-x) on the directory of "
     "certificates or revocation lists: ssl_crl_dir, or one that a pattern under collectors.certificates.files names."},
    {"other_file_system",
     "The exporter does not see the server's file system: it runs in another container, and postmaster.pid in "
     "data_directory is not this server's. Mount data_directory at the same path, or set read_via: sql and run "
     "deploy/sql/monitoring_role.sql."},
    {"pooler_elsewhere",
     "PgBouncer's console does not show files. Run an exporter on its machine that connects over its Unix socket (or "
     "sets read_via: local), or name the files that can be read here under collectors.certificates.files."},
    {"unsupported",
     "The console of this pooler does not show its files: name them under collectors.certificates.files of an exporter "
     "on its machine."},
    {"relative_path",
     "Put absolute paths into client_tls_cert_file, client_tls_ca_file and server_tls_ca_file: relative ones belong to "
     "the directory that PgBouncer was started in."},
    {"unreadable",
     "A directory of certificates or revocation lists cannot be read: run `ls` on it (ssl_crl_dir, or a pattern under "
     "collectors.certificates.files) as the user that reads it, which shows the error."},
};
inline constexpr sampling::Remedy kFileContentsRemedies[] = {
    {"too_many_certificates",
     "The file contains more certificates than the exporter reads; only the first ones were checked. Remove from it "
     "what the server does not need, or split it."},
};
inline constexpr sampling::Remedy kSeriesRemedies[] = {
    {"max_series",
     "There are more certificates, files or revocation lists than the limit on series allows; those that expire first "
     "have series. Raise collectors.certificates.max_series, or name fewer files."},
};

inline constexpr sampling::Remedy kRootsRemedies[] = {
    {"not_served",
     "The server presented no certificate, so it was verified against none of the files under `roots`. Without TLS "
     "there is nothing to verify; over a Unix socket, configure the address that clients use (`endpoint:`)."},
    {"missing", "A file under `roots` does not exist: correct its path, or install it on the exporter's machine."},
    {"permission_denied",
     "Let the exporter's OS user read the files under `roots`: `namei -l PATH` shows what refuses."},
    {"unreadable", "Run `ls -l` on the files under `roots`: one of them is not a regular file."},
    {"malformed",
     "Replace the file under `roots`: a block in it is broken, or it is not PEM, and libpq does not load it."},
    {"no_certificate", "Put the root certificate into the file under `roots`, as PEM: there is none in it."},
};

inline constexpr sampling::Remedy kClientInventoryRemedies[] = {
    {"no_sessions",
     "Which client certificates are in use is known from the sessions collector: set collectors.sessions.enabled: true "
     "for this server, and check that the exporter can log in."},
    {"missing", "A file under client_inventory does not exist: correct its path or pattern."},
    {"permission_denied",
     "Let the exporter's OS user read the files under client_inventory: `namei -l PATH` shows what refuses."},
    {"unreadable", "Run `ls -l` on the files under client_inventory: one of them is not a regular file."},
    {"malformed",
     "Correct the file under client_inventory: a certificate block is broken, or a line of index.txt is cut. The rest "
     "of it was used."},
    {"no_certificate",
     "Remove the file from client_inventory, or write the pattern so that it matches certificates only: it has none."},
    {"wrong_password", "Replace the PKCS#12 file under client_inventory by the certificate alone (PEM or DER)."},
    {"unsupported_encryption",
     "The encryption of a PKCS#12 file under client_inventory is not supported: replace the file by the certificate "
     "alone (PEM or DER)."},
};

inline constexpr sampling::Remedy kClientCertificatesRemedies[] = {
    {"insufficient_privilege",
     "GRANT pg_read_all_settings TO tls_exporter; (the role that the exporter logs in as): the settings ssl_ca_file, "
     "ssl_crl_file and ssl_crl_dir decide which client certificates the server accepts."},
    {"missing",
     "ssl_ca_file or ssl_crl_file (of PgBouncer: client_tls_ca_file or server_tls_ca_file) names a file that does not "
     "exist: correct the setting or install the file."},
    {"permission_denied",
     "Let the server's OS user and the exporter's (through SQL: the server's alone) read ssl_ca_file, ssl_crl_file, "
     "ssl_crl_dir and the files in it (of PgBouncer: client_tls_ca_file and server_tls_ca_file), and enter their "
     "directories: `namei -l PATH` shows which one refuses."},
    {"pooler",
     "Nothing is wrong: which client certificates PgBouncer accepts is not checked. When the certificates in "
     "client_tls_ca_file and server_tls_ca_file expire is checked."},
    {"server_access",
     "Whether the server's OS user may read a file in ssl_crl_dir could not be determined: an access control list "
     "(getfacl) decides, its groups are not known here, or the exporter may not search a directory on the path. Let "
     "the server's OS user own the directory and its files, or set read_via: sql, where the server itself tries."},
    {"unreadable",
     "Run `ls -l` on ssl_ca_file, ssl_crl_file and ssl_crl_dir (of PgBouncer: client_tls_ca_file and "
     "server_tls_ca_file): one of them is not a regular file."},
    {"malformed",
     "Replace ssl_ca_file or ssl_crl_file (of PgBouncer: client_tls_ca_file or server_tls_ca_file): a block in it is "
     "broken, and the server does not load it."},
    {"no_certificate",
     "Put the certificates of the authorities that issue client certificates into ssl_ca_file (of PgBouncer: "
     "client_tls_ca_file; in server_tls_ca_file, those of its servers)."},
    {"not_modelled",
     "ssl_crl_dir has a colon: OpenSSL takes it for several directories, which are not read here. Put the lists into "
     "one directory whose path has none."},
    {"openssl_version",
     "Which revocation lists count depends on the server's version of OpenSSL. If a list in ssl_crl_dir is broken or "
     "closed to the server, and another one of its issuer follows: 3.0 stops at it, 3.5 continues; repair or remove "
     "it. If one is a delta list: 3.0 takes it for a complete one, 3.5 does not; replace it with a complete one. If "
     "one is for user certificates only (onlyContainsUserCerts), and its authority is self-signed: the authority "
     "itself needs a list before 3.6; replace it with one for all certificates."},
    {"security_level",
     "Whether clients of an authority in ssl_ca_file are accepted depends on the server's security level of OpenSSL, "
     "which is not known here: a key or signature is too weak for level 2, or ssl_ciphers sets a level above that. Use "
     "authorities with RSA 2048, EC P-256 or larger and SHA-256."},
    {"sni",
     "Nothing is wrong: with ssl_sni on, each entry of pg_hosts.conf has a CA file of its own instead of ssl_ca_file. "
     "When its certificates expire is checked; which client certificates they admit is not."},
    {"no_crl", "Put the revocation lists of these authorities into ssl_crl_file, or reset it."},
    {"pending_reload",
     "ssl_ca_file, ssl_crl_file or a path to one of them was changed after the server last loaded its TLS files, or in "
     "the same second. Run SELECT pg_reload_conf(); if this remains, the server log shows why the reload was refused."},
    {"pending_restart",
     "ssl_ca_file, ssl_crl_file or a path to one of them was changed after the server's start, and no reload loads "
     "the key: it has a passphrase, and ssl_passphrase_command_supports_reload is off. Restart the server."},
    {"reload_refused",
     "A reload of the TLS files as they are now is refused, so the server may still use earlier ones. Correct what "
     "stops the next start (pg_tls_next_start_failure_info), then SELECT pg_reload_conf();"},
    {"reloaded",
     "The server was reloaded after the exporter's session began, which cannot tell what was loaded. It is checked "
     "again on a new session, which the collectors settings and hba open after each reload (through a pooler: once the "
     "pooler opens a new server connection)."},
    {"outdated",
     "Run deploy/sql/monitoring_role.sql again as a superuser: the installed version does not report when ssl_ca_file "
     "and ssl_crl_file were changed, so it is not known whether the server has loaded them."},
    {"too_many_certificates",
     "ssl_ca_file contains more certificates than the exporter reads, and it cannot be split: remove from it the "
     "authorities whose clients must not connect."},
};

inline constexpr sampling::DeclaredPart kCertificatesParts[] = {
    {"client_certificates", "which client certificates the server accepts", kClientCertificatesRemedies},
    {"served", "the certificate that the server presents", kServedRemedies},
    {"names", "the certificate that the server presents for another name", kNamesRemedies},
    {"roots", "whether the served certificate verifies against a root file", kRootsRemedies},
    {"client_inventory", "when client certificates expire", kClientInventoryRemedies},
    {"files", "the server's certificate files", kFilesRemedies},
    {"host_files", "the certificate files of pg_hosts.conf", kHostFilesRemedies},
    {"private_key", "the server's private key file", kStartFileRemedies},
    {"series", "every certificate at /metrics", kSeriesRemedies},
    {"file_contents", "all certificates of a large file", kFileContentsRemedies},
    {"next_start_server", "whether the next start accepts ssl_cert_file", kStartFileRemedies},
    {"next_start_key", "whether the next start accepts ssl_key_file", kStartFileRemedies},
    {"next_start_ca", "whether the next start accepts ssl_ca_file", kStartFileRemedies},
    {"next_start_crl", "whether the next start accepts ssl_crl_file", kStartFileRemedies},
    {"next_start_dh", "whether the next start accepts ssl_dh_params_file", kStartFileRemedies},
    {"next_start_settings", "whether the next start accepts the TLS settings", kStartSettingRemedies},
    {"next_start_hba", "whether the next start accepts pg_hba.conf", kStartHbaRemedies},
};

}  // namespace pgtls::collectors
