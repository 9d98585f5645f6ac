#include "exporter/sessions/exemptions.h"

#include <algorithm>

namespace pgtls::sessions {
namespace {

bool Matches(const config::Exemption& entry, const Session& session, const Origin& origin) {
  if (entry.application_name && *entry.application_name != session.application_name) return false;
  return Selects(entry, session, origin);
}

}  // namespace

Exemptions::Exemptions(const std::vector<config::Exemption>& entries,
                       std::chrono::sys_time<std::chrono::microseconds> now) {
  for (const auto& entry : entries) {
    const auto end = entry.end();
    if (!end || now < *end) in_force_.push_back(&entry);
  }
}

const config::Exemption* Exemptions::AllowedBy(const Session& session, const Origin& origin) const {
  const auto found =
      std::ranges::find_if(in_force_, [&](const config::Exemption* entry) { return Matches(*entry, session, origin); });
  return found == in_force_.end() ? nullptr : *found;
}

}  // namespace pgtls::sessions
