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

Findings FindingsOf(const Evidence& evidence) {
  Findings found;
  AddSessions(evidence, found);
  AddPolicy(evidence, found);
  AddLog(evidence, found);
  AddWire(evidence, found);
  AddNames(evidence, found);
  AddHba(evidence, found);
  AddIdentMaps(evidence, found);
  AddCertificates(evidence, found);
  AddKeyDirectories(evidence, found);
  AddChainEnds(evidence, found);
  AddUsages(evidence, found);
  AddRoots(evidence, found);
  AddClientCertificates(evidence, found);
  AddClientUses(evidence, found);
  AddSettings(evidence, found);
  AddKeyExchange(evidence, found);
  AddPasswords(evidence, found);
  AddPooler(evidence, found);
  AddLinks(evidence, found);
  AddLogin(evidence, found);
  AddCoverage(evidence, found);
  Findings sorted;  // std::stable_sort of libstdc++ 12 uses what C++17 deprecates
  sorted.reserve(found.size());
  for (const Severity severity : {Severity::kCritical, Severity::kWarning, Severity::kNote, Severity::kFine}) {
    std::ranges::copy_if(found, std::back_inserter(sorted),
                         [&](const Finding& finding) { return finding.severity == severity; });
  }
  return sorted;
}

std::vector<ServerReport> Check(const sampling::Snapshots& servers, std::chrono::sys_seconds now) {
  std::vector<ServerReport> reports;
  reports.reserve(servers.size());
  for (const auto& server : servers) {
    const Evidence evidence(*server, now);
    const std::string version = evidence.settings ? evidence.settings->server_version
                                : evidence.pooler ? evidence.pooler->version
                                                  : "";
    reports.push_back({server->name, server->product, version, server->up.value_or(false), FindingsOf(evidence)});
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
