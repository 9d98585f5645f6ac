// A server's private key file, judged as PostgreSQL will judge it at its next start (be-secure-common.c
// check_ssl_key_file_permissions, be-secure-openssl.c be_tls_init).
#pragma once

#include <sys/types.h>

#include <optional>
#include <string_view>

namespace pgtls::tls {

// What stat() says of the file, and who owns data_directory, as whom the server runs.
struct KeyFileStatus {
  bool regular = true;
  mode_t mode = 0;  // permission bits
  uid_t owner = 0;
};

// 0600 or less, or 0640 or less owned by root; a regular file.
bool KeyModeOk(const KeyFileStatus& status);
bool KeyOwnerOk(const KeyFileStatus& status, uid_t server_user);

// Does this PEM key belong to the first certificate of this PEM file? False also for a file without a key in it.
// nullopt: the key is encrypted (only the server can ask for its passphrase), or the certificate cannot be read.
std::optional<bool> KeyMatchesCertificate(std::string_view key_pem, std::string_view certificate_pem);

}  // namespace pgtls::tls
