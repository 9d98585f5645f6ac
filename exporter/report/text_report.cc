#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "exporter/report/report.h"

namespace pgtls::report {
namespace {

using audit::Finding;
using audit::Findings;
using audit::ServerReport;
using audit::Severity;

// A report is read in a minute; JSON has them all.
constexpr std::size_t kMaxLines = 12;

std::string Count(const Findings& findings, Severity severity, std::string_view one, std::string_view many) {
  const auto count = std::ranges::count(findings, severity, &Finding::severity);
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

void AddEvidence(const std::vector<std::string>& lines, std::string& text) {
  for (std::size_t i = 0; i < std::min(lines.size(), kMaxLines); ++i) text += "    " + lines[i] + '\n';
  if (lines.size() > kMaxLines) text += fmt::format("    … and {} more lines\n", lines.size() - kMaxLines);
}

void AddFinding(const Finding& finding, std::string& text) {
  text += fmt::format("  {} [{}]\n", finding.title, finding.id);
  AddEvidence(finding.evidence, text);
  if (!finding.why.empty()) text += "    Why: " + finding.why + '\n';
  if (!finding.remedy.empty()) text += "    Do:  " + finding.remedy + '\n';
}

constexpr std::array kVerdicts = {Verdict::kFail, Verdict::kNotLookedAt, Verdict::kPass, Verdict::kNotApplicable};

std::string NameOf(std::string_view server, const std::string& product) {
  return product.empty() ? std::string(server) : fmt::format("{} ({})", server, product);
}

void AddControls(const Assessment& server, Verdict verdict, std::string& text) {
  if (std::ranges::count(server.controls, verdict, &Judged::verdict) == 0) return;
  text += fmt::format("\n{}\n", ToString(verdict));
  for (const Judged& judged : server.controls) {
    if (judged.verdict != verdict) continue;
    text += fmt::format("  {}  {} (evidence: {})\n", judged.control->id, judged.control->title, judged.control->source);
    AddEvidence(judged.evidence, text);
  }
}

}  // namespace

std::string TextReport(const ProfileReport& report) {
  std::string text = fmt::format("{}\n", report.profile->title);
  for (const Assessment& server : report.servers) {
    text += fmt::format("\n{}:", NameOf(server.server, server.product));
    for (const Verdict verdict : kVerdicts) {
      text += fmt::format("{} {} {}", verdict == kVerdicts.front() ? "" : ",",
                          std::ranges::count(server.controls, verdict, &Judged::verdict), ToString(verdict));
    }
    text += '\n';
    for (const Verdict verdict : kVerdicts) AddControls(server, verdict, text);
  }
  return text;
}

std::string TextReport(const std::vector<ServerReport>& reports) {
  std::string text;
  for (const auto& report : reports) {
    if (!text.empty()) text += '\n';
    text += fmt::format("{}: {}, {}, {}, {} fine\n", NameOf(report.server, report.product),
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

}  // namespace pgtls::report
