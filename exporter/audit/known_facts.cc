#include "exporter/audit/known_facts.h"

namespace pgtls::audit {

KnownFacts::KnownFacts(const sampling::ServerSnapshot& server, std::chrono::sys_seconds time)
    : snapshot(server), now(time) {
  const sampling::Facts facts = server.facts();
  settings = facts.Get<settings::ServerSettings>();
  pooler = facts.Get<settings::PoolerSettings>();
  passwords = facts.Get<settings::RolePasswords>();
  sessions = facts.Get<sessions::Summary>();
  seen = facts.Get<sessions::SeenSessions>();
  open = facts.Get<sessions::OpenConnections>();
  backends = facts.Get<sessions::OpenBackends>();
  links = facts.Get<links::Links>();
  log = facts.Get<serverlog::Summary>();
  hba = facts.Get<hba::Posture>();
  endpoint = facts.Get<tls::EndpointFacts>();
  certificates = facts.Get<tls::CertificateInventory>();
  hosts = facts.Get<tls::HostsFile>();
}

}  // namespace pgtls::audit
