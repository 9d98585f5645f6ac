// What a server verifies client certificates with, put together from its files and settings.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "exporter/files/certificate_files.h"
#include "exporter/tls/client_authorities.h"

namespace pgtls::files {

struct ClientFiles {
  // Absent: it verifies none (ssl = off, no ssl_ca_file), or this is not known.
  std::optional<tls::ClientVerification> verification;
  // Why it is not known: insufficient_privilege, server_access, not_modelled, openssl_version, security_level, what is
  // wrong with a file, or `not_loaded`. Empty: it is known.
  std::string problem;
  // Lists of the server's settings that belong to no known authority.
  std::vector<tls::ListFile> other_lists;
};

// `not_loaded`: WhyNotLoaded(). REQUIRES: the files are still decoded.
ClientFiles ClientFilesOf(const std::vector<tls::FileReport>& files, const FileSettings& settings,
                          const std::string& not_loaded);

// Why nothing is known of the client certificates that a PgBouncer accepts: `pooler`, or what is wrong with one of its
// files of authorities. Empty: it has none.
std::string WhyNotKnownOfPooler(const std::vector<tls::FileReport>& files);

// The lists in the files of the configuration.
std::vector<tls::ListFile> ConfiguredLists(const std::vector<tls::FileReport>& files);

}  // namespace pgtls::files
