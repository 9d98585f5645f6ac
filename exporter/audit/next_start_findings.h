// Why a server would not start again.
#pragma once

#include <string>

#include "exporter/audit/findings.h"
#include "exporter/tls/inventory.h"

namespace pgtls::audit {

// `hba_errors_known`: the lines of pg_hba.conf in error are reported elsewhere.
void AddNextStart(const tls::CertificateInventory& inventory, bool hba_errors_known, Findings& findings);

// What a remedy that advises a reload begins with where TLS could not be set up by it: the files and settings to fix.
// Otherwise empty.
std::string FirstWhatFails(const tls::CertificateInventory& inventory);

}  // namespace pgtls::audit
