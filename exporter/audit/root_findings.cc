#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "exporter/audit/findings.h"
#include "exporter/audit/wire_remedies.h"
#include "exporter/base/text.h"
#include "exporter/tls/probe.h"

namespace pgtls::audit {
namespace {

using tls::RootVerdict;

std::string Line(const RootVerdict& verdict) {
  std::string served = "served";
  if (!verdict.host.empty())
    served += verdict.host == tls::kWithoutSni ? " to clients without SNI" : " to " + verdict.host;
  return Printable(fmt::format("{}: {}", served, verdict.errors.empty() ? "verifies" : "does not verify"));
}

bool IsReady(const std::vector<const RootVerdict*>& verdicts) {
  return std::ranges::all_of(verdicts, [](const RootVerdict* verdict) { return verdict->errors.empty(); });
}

// What a certificate of another authority needs; other faults have the remedies that they have today.
constexpr std::string_view kOtherAuthority =
    "unknown_ca: do not give clients this root file alone yet. Issue the server's certificate from an authority in it, "
    "or put the cross-signed certificate of its authority into {certificate}, after the server's own, then "
    "{reload_end} Until then clients need a root file with both authorities.";

std::string RemedyFor(const std::vector<const RootVerdict*>& verdicts, const Words& words) {
  std::vector<std::string_view> others;
  bool other_authority = false;
  for (const RootVerdict* verdict : verdicts) {
    for (const std::string_view error : verdict->errors) {
      const bool unknown = error == "unknown_ca" || error == "self_signed";
      other_authority |= unknown;
      if (!unknown && std::ranges::find(others, error) == others.end()) others.push_back(error);
    }
  }
  std::string remedy = other_authority ? Fill(kOtherAuthority, words) : "";
  if (!others.empty()) remedy += (remedy.empty() ? "" : " ") + ChainRemedies(others, words);
  return remedy;
}

}  // namespace

void AddRoots(const Evidence& evidence, Findings& findings) {
  if (!evidence.certificates) return;
  std::map<std::string, std::vector<const RootVerdict*>> by_root;
  for (const RootVerdict& verdict : evidence.certificates->roots) by_root[verdict.root].push_back(&verdict);
  for (const auto& [root, verdicts] : by_root) {
    std::vector<std::string> lines = {Printable("file " + verdicts.front()->path)};
    for (const RootVerdict* verdict : verdicts) {
      lines.push_back(Line(*verdict));
      for (const std::string_view error : verdict->errors) lines.back() += fmt::format(" ({})", error);
    }
    if (IsReady(verdicts)) {
      findings.push_back({Severity::kFine, "roots_ready", Printable("The server is ready for the root file " + root),
                          std::move(lines), "", ""});
      continue;
    }
    findings.push_back({Severity::kNote, "root_not_ready",
                        Printable("The server is not ready for the root file " + root), std::move(lines),
                        "Clients that verify the server with this root file, and no other, would refuse it.",
                        RemedyFor(verdicts, WordsOf(evidence))});
  }
}

}  // namespace pgtls::audit
