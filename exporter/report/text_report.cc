#include <fmt/format.h>

#include <algorithm>

#include "exporter/audit/check.h"

namespace pgtls::audit {
namespace {

// A report is read in a minute; JSON has them all.
constexpr std::size_t kMaxLines = 12;

std::string Count(const Findings& findings, Severity severity, std::string_view one, std::string_view many) {
  const auto count = std::ranges::count(findings, severity, &Finding::severity);
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

void AddFinding(const Finding& finding, std::string& text) {
  text += fmt::format("  {} [{}]\n", finding.title, finding.id);
  for (std::size_t i = 0; i < std::min(finding.evidence.size(), kMaxLines); ++i)
    text += "    " + finding.evidence[i] + '\n';
  if (finding.evidence.size() > kMaxLines)
    text += fmt::format("    … and {} more lines\n", finding.evidence.size() - kMaxLines);
  if (!finding.why.empty()) text += "    Why: " + finding.why + '\n';
  if (!finding.remedy.empty()) text += "    Do:  " + finding.remedy + '\n';
}

}  // namespace

std::string TextReport(const std::vector<ServerReport>& reports) {
  std::string text;
  for (const auto& report : reports) {
    if (!text.empty()) text += '\n';
    const std::string product = report.product.empty() ? "" : " (" + report.product + ")";
    text += fmt::format("{}{}: {}, {}, {}, {} fine\n", report.server, product,
                        Count(report.findings, Severity::kCritical, "critical", "critical"),
                        Count(report.findings, Severity::kWarning, "warning", "warnings"),
                        Count(report.findings, Severity::kNote, "note", "notes"),
                        std::ranges::count(report.findings, Severity::kFine, &Finding::severity));
    std::string_view group;
    for (const Finding& finding : report.findings) {
      if (group != ToString(finding.severity)) {
        group = ToString(finding.severity);
        text += fmt::format("\n{}\n", group);
      }
      AddFinding(finding, text);
    }
  }
  return text;
}

}  // namespace pgtls::audit
