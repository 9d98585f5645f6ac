// Combines what is known of a server's next start, and keeps it consistent with the reports on its files.
#pragma once

#include "exporter/files/start_answers.h"
#include "exporter/files/start_files.h"
#include "exporter/sampling/collector.h"
#include "exporter/tls/inventory.h"

namespace pgtls::collectors {

// REQUIRES: inventory.files holds the server's.
void Conclude(const files::StartAnswers& answers, files::StartJudgement judgement, sampling::Output& output,
              tls::CertificateInventory& inventory);

}  // namespace pgtls::collectors
