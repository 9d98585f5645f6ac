// What the rules of pg_hba.conf admit, and by which rule each open connection would be admitted now. Pure; it may take
// long with many rules, so the collector runs it on the pool.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "exporter/hba/posture.h"
#include "exporter/sessions/open_connections.h"

namespace pgtls::collectors {

// An open connection, and the rule that would admit it now; null: no single rule.
struct AdmittedConnection {
  const hba::Rule* rule;
  const sessions::OpenConnection* open;
};

struct HbaJudgement {
  std::shared_ptr<const hba::Posture> posture;
  std::optional<std::vector<AdmittedConnection>> connections;  // into `posture` and the open ones; absent: not known
};

// Neither TLS nor GSS, and not over a Unix socket.
bool IsPlaintext(const sessions::OpenConnection& open);

// Completes `posture` with the analysis of its rules and the rules that admit plaintext. Reuses the analysis of
// `previous` if rules and cluster are the same; it may be null. `open` may be null: not known. Without a complete
// catalog nothing is judged.
HbaJudgement JudgeHba(std::shared_ptr<hba::Posture> posture, const sessions::OpenConnections* open,
                      const hba::Posture* previous, bool catalog_complete);

}  // namespace pgtls::collectors
