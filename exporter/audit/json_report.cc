#include <fmt/format.h>

#include "exporter/audit/check.h"
#include "exporter/base/text.h"

namespace pgtls::audit {
namespace {

// RFC 8259.
std::string String(std::string_view value) {
  std::string text = "\"";
  for (const char c : ValidUtf8(value)) {
    if (c == '"' || c == '\\') {
      text += '\\';
      text += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      text += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      text += c;
    }
  }
  return text + '"';
}

std::string Member(std::string_view name, const std::string& value, bool last = false) {
  return fmt::format("{}: {}{}", String(name), value, last ? "" : ", ");
}

std::string FindingText(const Finding& finding) {
  std::string evidence;
  for (const std::string& line : finding.evidence) evidence += (evidence.empty() ? "" : ", ") + String(line);
  return "{" + Member("severity", String(ToString(finding.severity))) + Member("id", String(finding.id)) +
         Member("title", String(finding.title)) + Member("evidence", "[" + evidence + "]") +
         Member("why", String(finding.why)) + Member("remedy", String(finding.remedy)) +
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
    servers += Member("server", String(report.server)) + Member("server_version", String(report.server_version)) +
               Member("up", report.up ? "true" : "false") + Member("findings", "[" + findings + "]", true) + "}";
  }
  return fmt::format("{{\n  \"format\": 1,\n  \"exit_code\": {},\n  \"servers\": [{}]\n}}\n", ExitCode(reports),
                     servers);
}

}  // namespace pgtls::audit
