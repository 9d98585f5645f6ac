// A server's private key file, judged as PostgreSQL will judge it at its next start (be-secure-common.c
// check_ssl_key_file_permissions, be-secure-openssl.c be_tls_init).
#pragma once

#include <sys/types.h>

#include <optional>
#include <string_view>

namespace pgtls::tls {

// The file's status, and the owner of data_directory: the server runs as this user.
struct KeyFileStatus {
  bool regular = true;
  mode_t mode = 0;  // permission bits
  uid_t owner = 0;
};

// 0600 or less, or 0640 or less owned by root; a regular file.
bool KeyModeOk(const KeyFileStatus& status);
bool KeyOwnerOk(const KeyFileStatus& status, uid_t server_user);

// Whether this PEM key belongs to the first certificate of this PEM file; false also for a file without a key. nullopt:
// the key is encrypted (only the server can get its passphrase), or the certificate cannot be read.
std::optional<bool> KeyMatchesCertificate(std::string_view key_pem, std::string_view certificate_pem);

}  // namespace pgtls::tls
