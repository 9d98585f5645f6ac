// How a session in the log was encrypted. What its record says can be forged by its client; a rule of pg_hba.conf that
// admits one kind only, and a sample of pg_stat_ssl, cannot.
#pragma once

#include <optional>

#include "exporter/base/protection.h"
#include "exporter/serverlog/connections.h"

namespace pgtls::serverlog {

struct Evidence {
  // What the rule that admitted the session requires: hostssl, hostgssenc or hostnossl (kNone). Absent: it admits
  // several kinds, or is not known.
  std::optional<Encryption> rule;
  // How pg_stat_ssl showed the session. Absent: it was not sampled.
  std::optional<Encryption> sampled;
};

struct Verdict {
  std::optional<Encryption> encryption;  // absent: not known
  bool contradicted = false;             // the evidence is against the record
};

Verdict Judge(const LoggedSession& session, const Evidence& evidence);

}  // namespace pgtls::serverlog
