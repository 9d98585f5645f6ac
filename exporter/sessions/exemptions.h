// Which unencrypted sessions the policy allows.
#pragma once

#include <chrono>
#include <vector>

#include "exporter/config/config.h"
#include "exporter/sessions/session.h"

namespace pgtls::sessions {

// Whether an entry of the policy is about this session, by user, database and client_addr. Names are compared byte by
// byte; an entry with client_addr never selects a session without an address.
template <typename Entry>
bool Selects(const Entry& entry, const Session& session, const Origin& origin) {
  if (entry.user && *entry.user != session.user) return false;
  if (entry.database && *entry.database != session.database) return false;
  return !entry.client_addr || (origin.address && entry.client_addr->Contains(origin.address->Unmapped()));
}

// The entries of policy.allow_unencrypted that are in force at one moment. Refers to the entries that it was made from.
class Exemptions {
 public:
  Exemptions(const std::vector<config::Exemption>& entries, std::chrono::sys_time<std::chrono::microseconds> now);

  // The first entry, in the order of the configuration, that matches with all its fields; null if none does.
  const config::Exemption* AllowedBy(const Session& session, const Origin& origin) const;

  // In the order of the configuration.
  const std::vector<const config::Exemption*>& in_force() const { return in_force_; }

 private:
  std::vector<const config::Exemption*> in_force_;
};

}  // namespace pgtls::sessions
