// The client certificate that a standby presents to the server that it follows.
#pragma once

#include <asio/awaitable.hpp>
#include <optional>
#include <string>

#include "exporter/base/deadline.h"
#include "exporter/db/session.h"
#include "exporter/files/certificate_files.h"
#include "exporter/files/server_place.h"

namespace pgtls::files {

// sslcert of primary_conninfo; empty: not set. nullopt: the server is no standby, follows none, or the role may not see
// the setting. The rest of the setting, with its password, does not leave the server. Throws DbError and TimeoutError.
asio::awaitable<std::optional<std::string>> AskUpstreamCertificate(db::Session& session, Deadline deadline);

// Adds the report of the file (role "upstream"). `sslcert` empty: libpq's default for the owner of data_directory. A
// file that does not exist is none: libpq then presents no certificate. Neither is a default that is closed to this
// process. REQUIRES: the server runs on this machine. Blocks.
void AddUpstreamCertificate(const std::string& sslcert, const FileSettings& settings, const ServerPlace& place,
                            FilesRead& result);

}  // namespace pgtls::files
