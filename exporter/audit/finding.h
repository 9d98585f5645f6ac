// What an audit finds.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pgtls::audit {

// kCritical: somebody can read or get at what they should not, or the next restart fails. kWarning: protection is
// weaker than it looks, or will be gone soon. kNote: good to know. kFine: looked at, and in order.
enum class Severity { kCritical, kWarning, kNote, kFine };
std::string_view ToString(Severity severity);

struct Finding {
  Severity severity;
  // Stable: scripts rely on it. exporter/audit/check.schema.json lists them all.
  std::string_view id;
  std::string title;  // one line
  std::vector<std::string>
      evidence;        // printable lines: this user from this address, this line of this file, this setting
  std::string why;     // empty for kFine
  std::string remedy;  // the very command or line; empty for kFine
  // Something could not be checked that the right grants would show: 'no warning' is no all-clear.
  bool unknown = false;
  std::string brief = {};  // in place of the title where there is one line for each finding; empty: the title fits
};

using Findings = std::vector<Finding>;

}  // namespace pgtls::audit
