#include "exporter/report/verdict.h"

#include <fmt/format.h>

#include <algorithm>

#include "exporter/audit/findings.h"
#include "exporter/report/profile_findings.h"

namespace pgtls::report {
namespace {

using audit::Finding;
using audit::Findings;
using audit::Severity;

constexpr std::size_t kMostUnknown = 8;

bool Contains(const std::vector<std::string_view>& ids, std::string_view id) {
  return std::ranges::find(ids, id) != ids.end();
}

bool Fails(const Control& control, const Finding& finding) {
  if (finding.severity == Severity::kFine) return false;
  if (Contains(control.notes, finding.id)) return true;
  return finding.severity != Severity::kNote && Contains(control.fails, finding.id);
}

void AddEvidence(const Finding& finding, std::vector<std::string>& lines) {
  lines.push_back(fmt::format("{} [{}]", finding.title, finding.id));
  for (const std::string& line : finding.evidence) lines.push_back("  " + line);
}

Judged NotLookedAt(const Control& control, const Findings& findings) {
  Judged judged{&control, Verdict::kNotLookedAt, {}};
  if (!control.outside.empty()) {
    judged.evidence.push_back("This program does not look at this: " + std::string(control.outside));
    return judged;
  }
  judged.evidence.emplace_back("Neither a violation nor proof was found.");
  std::size_t unknown = 0;
  for (const Finding& finding : findings) {
    if (!finding.unknown || ++unknown > kMostUnknown) continue;
    AddEvidence(finding, judged.evidence);
  }
  if (unknown > kMostUnknown) {
    judged.evidence.push_back(fmt::format("and {} more parts that could not be checked", unknown - kMostUnknown));
  }
  return judged;
}

}  // namespace

std::string_view ToString(Verdict verdict) {
  switch (verdict) {
    case Verdict::kFail:
      return "fail";
    case Verdict::kNotLookedAt:
      return "not looked at";
    case Verdict::kPass:
      return "pass";
    case Verdict::kNotApplicable:
      return "not applicable";
  }
  return "";
}

Judged Judge(const Control& control, const audit::KnownFacts& facts, const Findings& findings) {
  if (const auto why = control.not_applicable == nullptr ? std::nullopt : control.not_applicable(facts)) {
    return {&control, Verdict::kNotApplicable, {*why}};
  }
  Judged judged{&control, Verdict::kFail, {}};
  for (const Finding& finding : findings) {
    if (Fails(control, finding)) AddEvidence(finding, judged.evidence);
  }
  if (!judged.evidence.empty()) return judged;
  const auto& needed = facts.is_pooler() ? control.pooler_passes : control.passes;
  if (facts.is_pooler() && needed.empty()) {
    return {&control, Verdict::kNotApplicable, {"PgBouncer is no PostgreSQL server."}};
  }
  if (!control.outside.empty()) return NotLookedAt(control, findings);
  for (const std::string_view id : needed) {
    const auto found = std::ranges::find_if(
        findings, [&](const Finding& finding) { return finding.id == id && finding.severity == Severity::kFine; });
    if (found == findings.end()) return NotLookedAt(control, findings);
    AddEvidence(*found, judged.evidence);
  }
  judged.verdict = Verdict::kPass;
  return judged;
}

ProfileReport Assess(const Profile& profile, const sampling::Snapshots& servers,
                     const std::vector<audit::ServerReport>& reports, std::chrono::sys_seconds now) {
  ProfileReport report{&profile, {}};
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const audit::KnownFacts facts(*servers[i], now);
    Findings findings = reports[i].findings;
    AddProfileFindings(facts, findings);
    Assessment& assessment = report.servers.emplace_back();
    assessment.server = reports[i].server;
    assessment.product = reports[i].product;
    for (const Control& control : profile.controls) assessment.controls.push_back(Judge(control, facts, findings));
  }
  return report;
}

int ExitCode(const ProfileReport& report) {
  const auto any = [&](Verdict verdict) {
    return std::ranges::any_of(report.servers, [&](const Assessment& server) {
      return std::ranges::count(server.controls, verdict, &Judged::verdict) > 0;
    });
  };
  if (any(Verdict::kFail)) return 2;
  return any(Verdict::kNotLookedAt) ? 3 : 0;
}

}  // namespace pgtls::report
