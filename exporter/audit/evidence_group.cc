#include "exporter/audit/evidence_group.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "exporter/base/text.h"

namespace pgtls::audit {
namespace {

// More would bury the rest of the report.
constexpr std::size_t kMostLines = 20;

}  // namespace

void EvidenceGroup::Add(const std::string& line, Network network, std::size_t connections) {
  lines_[Printable(line)] += connections;
  farthest_ = std::max(farthest_, network);
  connections_ += connections;
}

void EvidenceGroup::AddTo(Findings& findings, Finding finding) const {
  if (lines_.empty()) return;
  for (const auto& [line, connections] : lines_) {
    if (finding.evidence.size() == kMostLines) break;
    finding.evidence.push_back(connections == 1 ? line
                                                : fmt::format("{}: {}", line, Counted(connections, "connection")));
  }
  if (lines_.size() > kMostLines) finding.evidence.push_back(fmt::format("and {} more", lines_.size() - kMostLines));
  findings.push_back(std::move(finding));
}

}  // namespace pgtls::audit
