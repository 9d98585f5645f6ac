// The client certificates that a server presents where it replicates from: a standby to the server that it follows, a
// subscriber to its publishers.
#pragma once

#include <asio/awaitable.hpp>
#include <string>
#include <vector>

#include "exporter/base/deadline.h"
#include "exporter/db/session.h"
#include "exporter/files/certificate_files.h"
#include "exporter/files/server_place.h"

namespace pgtls::files {

// sslcert of primary_conninfo, if the server is a standby, or else of its subscriptions, if `subscriptions` (the role
// may ask for them); empty: not set. What the role may not see is left out. The rest of a conninfo, with its password,
// does not leave the server. Throws DbError and TimeoutError.
asio::awaitable<std::vector<std::string>> AskUpstreamCertificates(db::Session& session, bool subscriptions,
                                                                  Deadline deadline);

// Adds the reports of the files (role "upstream"). An empty `sslcert` is libpq's default for the owner of
// data_directory. A file that does not exist is left out: libpq then presents no certificate. So is a default that is
// closed to this process. REQUIRES: the server runs on this machine. Blocks.
void AddUpstreamCertificates(const std::vector<std::string>& sslcerts, const FileSettings& settings,
                             const ServerPlace& place, FilesRead& result);

}  // namespace pgtls::files
