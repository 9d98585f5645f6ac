// Root certificate files of the configuration: whether clients that have them would accept what a server serves now.
#pragma once

#include <string>
#include <vector>

#include "exporter/config/config.h"
#include "exporter/sampling/collector.h"
#include "exporter/tls/inventory.h"

namespace pgtls::files {

struct ServedChain {
  std::string host;  // as RootVerdict::host
  tls::Chain chain;  // not empty
};

struct RootsJudged {
  std::vector<tls::RootVerdict> verdicts;
  std::vector<sampling::IncompletePart> incomplete;  // of the part `roots`
};

// Verifies each chain with each root file as libpq does, without host names and revocation lists. `security_level`: of
// the context that a client would use. Blocks.
RootsJudged JudgeRoots(const config::Roots& roots, const std::vector<ServedChain>& chains, int security_level);

}  // namespace pgtls::files
