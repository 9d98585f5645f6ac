// The lines of a finding's evidence, of which there may be many.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "exporter/audit/finding.h"
#include "exporter/base/protection.h"

namespace pgtls::audit {

class EvidenceGroup {
 public:
  void Add(const std::string& line, Network network, std::size_t connections = 1);

  bool empty() const { return lines_.empty(); }
  Network farthest() const { return farthest_; }
  std::size_t connections() const { return connections_; }

  // Adds the finding with these lines as its evidence, up to a limit; nothing if there are none.
  void AddTo(Findings& findings, Finding finding) const;

 private:
  std::map<std::string, std::size_t> lines_;  // with their connections
  Network farthest_ = Network::kLocal;
  std::size_t connections_ = 0;
};

}  // namespace pgtls::audit
