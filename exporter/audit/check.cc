#include "exporter/audit/check.h"

#include <algorithm>
#include <iterator>

#include "exporter/audit/findings.h"

namespace pgtls::audit {

std::string_view ToString(Severity severity) {
  switch (severity) {
    case Severity::kCritical:
      return "critical";
    case Severity::kWarning:
      return "warning";
    case Severity::kNote:
      return "note";
    case Severity::kFine:
      return "fine";
  }
  return "";
}

std::vector<ServerReport> Check(const sampling::Snapshots& servers, std::chrono::sys_seconds now) {
  std::vector<ServerReport> reports;
  reports.reserve(servers.size());
  for (const auto& server : servers) {
    const Evidence evidence(*server, now);
    ServerReport report{
        server->name, evidence.settings ? evidence.settings->server_version : "", server->up.value_or(false), {}};
    Findings found;
    AddSessions(evidence, found);
    AddWire(evidence, found);
    AddHba(evidence, found);
    AddCertificates(evidence, found);
    AddClientCertificates(evidence, found);
    AddSettings(evidence, found);
    AddLogin(evidence, found);
    AddCoverage(evidence, found);
    for (const Severity severity : {Severity::kCritical, Severity::kWarning, Severity::kNote, Severity::kFine}) {
      std::ranges::copy_if(found, std::back_inserter(report.findings),
                           [&](const Finding& finding) { return finding.severity == severity; });
    }
    reports.push_back(std::move(report));
  }
  return reports;
}

int ExitCode(const std::vector<ServerReport>& reports) {
  bool critical = false;
  bool warning = false;
  bool unknown = false;
  bool down = false;
  for (const auto& report : reports) {
    down = down || !report.up;
    for (const auto& finding : report.findings) {
      critical = critical || finding.severity == Severity::kCritical;
      warning = warning || (finding.severity == Severity::kWarning && !finding.unknown);
      unknown = unknown || finding.unknown;
    }
  }
  if (critical) return 2;
  if (down) return 3;
  if (warning) return 1;
  return unknown ? 3 : 0;
}

}  // namespace pgtls::audit
