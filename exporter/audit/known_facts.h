// What is known of one server, by its types: what the audit and the status page read.
#pragma once

#include <chrono>
#include <memory>

#include "exporter/hba/posture.h"
#include "exporter/links/link.h"
#include "exporter/sampling/result.h"
#include "exporter/serverlog/summary.h"
#include "exporter/sessions/open_backends.h"
#include "exporter/sessions/open_connections.h"
#include "exporter/sessions/seen_sessions.h"
#include "exporter/sessions/summary.h"
#include "exporter/settings/pooler_settings.h"
#include "exporter/settings/role_passwords.h"
#include "exporter/settings/server_settings.h"
#include "exporter/tls/endpoint_facts.h"
#include "exporter/tls/inventory.h"

namespace pgtls::audit {

// A pointer is null where nothing is known.
struct KnownFacts {
  // REQUIRES: `server` outlives this.
  KnownFacts(const sampling::ServerSnapshot& server, std::chrono::sys_seconds time);

  // Whether the last login met a PgBouncer.
  bool is_pooler() const { return snapshot.kind == settings::kPgBouncer; }

  const sampling::ServerSnapshot& snapshot;
  std::chrono::sys_seconds now;
  std::shared_ptr<const settings::ServerSettings> settings;
  std::shared_ptr<const settings::PoolerSettings> pooler;  // instead of `settings`, of a PgBouncer
  std::shared_ptr<const settings::RolePasswords> passwords;
  std::shared_ptr<const sessions::Summary> sessions;
  std::shared_ptr<const sessions::SeenSessions> seen;
  std::shared_ptr<const sessions::OpenConnections> open;
  std::shared_ptr<const sessions::OpenBackends> backends;  // not of a PgBouncer
  std::shared_ptr<const links::Links> links;
  std::shared_ptr<const serverlog::Summary> log;
  std::shared_ptr<const hba::Posture> hba;
  std::shared_ptr<const tls::EndpointFacts> endpoint;
  std::shared_ptr<const tls::CertificateInventory> certificates;
  std::shared_ptr<const tls::HostsFile> hosts;
};

}  // namespace pgtls::audit
