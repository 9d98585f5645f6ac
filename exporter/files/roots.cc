#include "exporter/files/roots.h"

#include <memory>

#include "exporter/base/error.h"
#include "exporter/files/certificate_files.h"
#include "exporter/tls/verify.h"

namespace pgtls::files {
namespace {

// What libpq would make of the file. Null, and `problem` is set, if it could not use it.
std::shared_ptr<const tls::TrustStore> Load(const std::string& path, std::string& problem) {
  const tls::FileReport report = ReportOn("ca", path);
  problem = report.problem;
  if (problem.empty() && report.content.certificates.empty()) problem = "no_certificate";
  if (!problem.empty()) return nullptr;
  try {
    return tls::TrustStore::LoadShared(path, "", "");
  } catch (const TlsError&) {
    problem = "malformed";
    return nullptr;
  }
}

}  // namespace

RootsJudged JudgeRoots(const config::Roots& roots, const std::vector<ServedChain>& chains, int security_level) {
  RootsJudged judged;
  for (const auto& [name, path] : roots) {
    std::string problem = chains.empty() ? "not_served" : "";
    std::shared_ptr<const tls::TrustStore> trust;
    if (problem.empty()) trust = Load(path, problem);
    if (!problem.empty()) {
      judged.incomplete.push_back({"roots", problem, name + ": " + path});
      continue;
    }
    for (const auto& [host, chain] : chains) {
      judged.verdicts.push_back({name, path, host, VerifyChain(chain, *trust, security_level)});
    }
  }
  return judged;
}

}  // namespace pgtls::files
