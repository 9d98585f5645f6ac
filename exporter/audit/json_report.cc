#include <fmt/format.h>

#include "exporter/audit/check.h"
#include "exporter/base/text.h"

namespace pgtls::audit {
namespace {

std::string Member(std::string_view name, const std::string& value, bool last = false) {
  return fmt::format("{}: {}{}", JsonString(name), value, last ? "" : ", ");
}

std::string FindingText(const Finding& finding) {
  std::string evidence;
  for (const std::string& line : finding.evidence) evidence += (evidence.empty() ? "" : ", ") + JsonString(line);
  return "{" + Member("severity", JsonString(ToString(finding.severity))) + Member("id", JsonString(finding.id)) +
         Member("title", JsonString(finding.title)) + Member("evidence", "[" + evidence + "]") +
         Member("why", JsonString(finding.why)) + Member("remedy", JsonString(finding.remedy)) +
         Member("unknown", finding.unknown ? "true" : "false", true) + "}";
}

}  // namespace

std::string JsonReport(const std::vector<ServerReport>& reports) {
  std::string servers;
  for (const auto& report : reports) {
    std::string findings;
    for (const Finding& finding : report.findings)
      findings += (findings.empty() ? "\n      " : ",\n      ") + FindingText(finding);
    servers += servers.empty() ? "\n    {" : ",\n    {";
    servers += Member("server", JsonString(report.server)) +
               Member("server_version", JsonString(report.server_version)) +
               Member("up", report.up ? "true" : "false") + Member("findings", "[" + findings + "]", true) + "}";
  }
  return fmt::format("{{\n  \"format\": 1,\n  \"exit_code\": {},\n  \"servers\": [{}]\n}}\n", ExitCode(reports),
                     servers);
}

}  // namespace pgtls::audit
