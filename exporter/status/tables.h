// The tables of the status page.
#pragma once

#include "exporter/status/html.h"
#include "exporter/status/page.h"
#include "exporter/status/view.h"

namespace pgtls::status {

// "8 days", "17 hours", "expired 3 days ago".
std::string TimeLeft(std::chrono::sys_seconds end, std::chrono::sys_seconds now);

// Each a <section>.
void ServerTable(const StatusView& view, const StatusFrame& frame, Html& html);
void UnencryptedTable(const StatusView& view, const StatusFrame& frame, Html& html);
// Nothing where no pooler is watched.
void PathTable(const StatusView& view, const StatusFrame& frame, Html& html);
void CertificateTable(const StatusView& view, const StatusFrame& frame, Html& html);
void ModeTable(const StatusView& view, const StatusFrame& frame, Html& html);
void UnseenTable(const StatusView& view, const StatusFrame& frame, Html& html);
void CollectorTable(const StatusView& view, const StatusFrame& frame, Html& html);

}  // namespace pgtls::status
