// Why a server would not start again.
#pragma once

#include "exporter/audit/findings.h"
#include "exporter/tls/inventory.h"

namespace pgtls::audit {

// `hba_errors_known`: the lines of pg_hba.conf in error are reported elsewhere.
void AddNextStart(const tls::CertificateInventory& inventory, bool hba_errors_known, Findings& findings);

}  // namespace pgtls::audit
