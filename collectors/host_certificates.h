// What the entries of pg_hosts.conf (PostgreSQL 19) mean for the certificates of a server. Pure.
#pragma once

#include <string>

#include "exporter/files/certificate_files.h"
#include "exporter/sampling/collector.h"
#include "exporter/tls/hosts_file.h"
#include "exporter/tls/inventory.h"

namespace pgtls::collectors {

// Puts the entries into `inventory`, with absolute paths. Files that are not in use because of them are removed from
// it, and from `settings`; `output` has what is not known. REQUIRES: ssl_sni is on; inventory.files holds the server's
// files.
void UseHosts(const tls::HostsFile& hosts, files::FileSettings& settings, tls::CertificateInventory& inventory,
              sampling::Output& output);

// Is what each name gets what the server would load for it? `own`: the name that the server's own handshake asked for;
// tls::kWithoutSni if for none.
void CompareNames(const std::string& own, tls::CertificateInventory& inventory);

// Is what is served what the file has? The file's certificates are sent in its order; OpenSSL may add issuers from the
// CA file behind them. nullopt: one of the two is not known, or the file could not be loaded at all.
std::optional<bool> Matches(const tls::FileReport& file, const std::vector<tls::CertificateFacts>& served);

}  // namespace pgtls::collectors
