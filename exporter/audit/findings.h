// The questions of the audit, by what they look at. Pure: facts in, findings out; what is not known leads to no finding
// here, and to one of AddCoverage.
#pragma once

#include <chrono>
#include <memory>

#include "exporter/audit/finding.h"
#include "exporter/db/server_settings.h"
#include "exporter/hba/posture.h"
#include "exporter/sampling/result.h"
#include "exporter/sessions/summary.h"
#include "exporter/tls/endpoint_facts.h"
#include "exporter/tls/inventory.h"

namespace pgtls::audit {

// What is known of one server. Null: nothing.
struct Evidence {
  Evidence(const sampling::ServerSnapshot& server, std::chrono::sys_seconds time);

  const sampling::ServerSnapshot& snapshot;
  std::chrono::sys_seconds now;
  std::shared_ptr<const db::ServerSettings> settings;
  std::shared_ptr<const sessions::Summary> sessions;
  std::shared_ptr<const hba::Posture> hba;
  std::shared_ptr<const tls::EndpointFacts> endpoint;
  std::shared_ptr<const tls::CertificateInventory> certificates;
};

void AddSettings(const Evidence& evidence, Findings& findings);
void AddSessions(const Evidence& evidence, Findings& findings);
void AddHba(const Evidence& evidence, Findings& findings);
void AddWire(const Evidence& evidence, Findings& findings);
void AddCertificates(const Evidence& evidence, Findings& findings);
// What could not be looked at, and what would allow it.
void AddCoverage(const Evidence& evidence, Findings& findings);

}  // namespace pgtls::audit
