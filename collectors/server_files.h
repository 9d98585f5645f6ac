// The server's own files: certificates, revocation lists, the private key and what its next start depends on. They are
// read on this machine if the server is on it, otherwise over SQL (certificates.h, ReadVia). A PgBouncer's are read on
// this machine only.
#pragma once

#include <asio.hpp>

#include "exporter/files/loaded_files.h"
#include "exporter/files/start_answers.h"
#include "exporter/sampling/collector.h"
#include "exporter/tls/inventory.h"

namespace pgtls::collectors {

struct ServerFiles {
  files::FileSettings settings;  // that name the files in use; empty if they are not known
  files::StartAnswers answers;
  files::FileChanges changes;
};

// Adds the files to `inventory`, and what could not be read to `output`. Errors of the session are reported in
// `output`, not thrown.
asio::awaitable<ServerFiles> CollectServerFiles(sampling::Context& context, sampling::Output& output,
                                                tls::CertificateInventory& inventory);

// Adds what was read, each file of a role once: two settings may name one file, in a relative and an absolute form.
void AddFiles(files::FilesRead read, sampling::Output& output, tls::CertificateInventory& inventory);

}  // namespace pgtls::collectors
