// What the certificates collector may not see, and what to do about it.
#pragma once

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
inline constexpr sampling::Remedy kFilesRemedies[] = {
    {"connection",
     "The paths and contents of these files are read over SQL, and there was no connection. Fix the login first (see "
     "the finding no_login); they are read at the next collection after that."},
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
    {"unreadable",
     "A directory of certificates or revocation lists cannot be read: run `ls` on it (ssl_crl_dir, or a pattern under "
     "collectors.certificates.files) as the user that reads it, which shows the error."},
};
inline constexpr sampling::Remedy kPrivateKeyRemedies[] = {
    {"missing",
     "The server's data_directory does not exist here: with read_via: local the exporter must run on the "
     "server's machine, with the server's file system. Otherwise set read_via: sql."},
    {"permission_denied",
     "Run the exporter as the server's OS user (postgres), which alone may read ssl_key_file; or accept that the key "
     "is not compared with the certificate."},
    {"unreadable", "The key is no regular file, too large, or the disk reports an error: run `ls -l` on ssl_key_file."},
    {"insufficient_privilege",
     "GRANT pg_read_all_settings TO tls_exporter; (the role that the exporter logs in as): data_directory tells who "
     "must own the key."},
};
inline constexpr sampling::Remedy kFileContentsRemedies[] = {
    {"too_many_certificates",
     "The file holds more certificates than are read of one file, and the first ones were checked. Remove from it what "
     "the server does not need, or split it."},
};

inline constexpr sampling::DeclaredPart kCertificatesParts[] = {
    {"served", "the certificate that the server presents", kServedRemedies},
    {"files", "the server's certificate files", kFilesRemedies},
    {"private_key", "the server's private key file", kPrivateKeyRemedies},
    {"file_contents", "all certificates of a large file", kFileContentsRemedies},
};

}  // namespace pgtls::collectors
