// `explain`: which rule of pg_hba.conf decides about one connection, and how.
#pragma once

#include <chrono>
#include <string>

#include "exporter/config/command_line.h"
#include "exporter/sampling/result.h"

namespace pgtls::audit {

struct Explanation {
  std::string text;
  // 0 admitted to authentication, 1 rejected, 2 the server could not be asked, 3 cannot be decided from here.
  int exit_code = 3;
};

// From one collection of the collectors hba and certificates: libpq may not work with the server's certificate. Throws
// ConfigError for a question that makes no sense. While a change waits or was refused, the rules in force decide, where
// they are known. With a rule come the audit's critical findings and warnings about it.
Explanation Explain(const sampling::ServerSnapshot& server, const config::ExplainOptions& question,
                    std::chrono::sys_seconds now);

}  // namespace pgtls::audit
