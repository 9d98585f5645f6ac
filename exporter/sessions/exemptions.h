// Which unencrypted sessions the policy allows.
#pragma once

#include <chrono>
#include <vector>

#include "exporter/config/config.h"
#include "exporter/sessions/session.h"

namespace pgtls::sessions {

// The entries of policy.allow_unencrypted that are in force at one moment. Refers to the entries that it was made from.
class Exemptions {
 public:
  Exemptions(const std::vector<config::Exemption>& entries, std::chrono::sys_time<std::chrono::microseconds> now);

  // True if one entry matches with all its fields. Names are compared byte by byte; an entry with client_addr never
  // matches a session without an address.
  bool Allow(const Session& session, const Origin& origin) const;

 private:
  std::vector<const config::Exemption*> in_force_;
};

}  // namespace pgtls::sessions
