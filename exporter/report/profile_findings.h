// Findings that only a profile asks for: a server may be well protected without what they look at.
#pragma once

#include "exporter/audit/findings.h"

namespace pgtls::report {

void AddProfileFindings(const audit::KnownFacts& facts, audit::Findings& findings);

}  // namespace pgtls::report
