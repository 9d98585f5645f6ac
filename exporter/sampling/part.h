// The parts of a collector's result that may be missing, and what to do about each: declared beside the collector, read
// by `check` and the status page.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

namespace pgtls::sampling {

// What to do if a part is missing for `reason`.
struct Remedy {
  std::string_view reason;  // the label `reason` of pg_tls_collector_incomplete_info
  std::string_view text;    // a setting, file or command, in full sentences
};

struct DeclaredPart {
  std::string_view name;             // the label `part`
  std::string_view what;             // for a reader; fits before "could not be checked"
  std::span<const Remedy> remedies;  // one for each reason that this part can have

  // Null if the reason is not declared.
  constexpr const Remedy* RemedyFor(std::string_view reason) const {
    const auto found = std::ranges::find(remedies, reason, &Remedy::reason);
    return found == remedies.end() ? nullptr : &*found;
  }
};

// Null if the part is not declared.
constexpr const DeclaredPart* FindPart(std::span<const DeclaredPart> parts, std::string_view name) {
  const auto found = std::ranges::find(parts, name, &DeclaredPart::name);
  return found == parts.end() ? nullptr : &*found;
}

// If the role lacks a grant of deploy/sql/monitoring_role.sql.
inline constexpr std::string_view kRunRoleFile =
    "Run deploy/sql/monitoring_role.sql as a superuser in the database that the exporter connects to, and connect as "
    "tls_exporter.";

// Of collectors that need a fresh session: their whole result.
inline constexpr std::string_view kConfigurationInForce = "configuration_in_force";
inline constexpr std::array kConfigurationInForceRemedies = {Remedy{
    "pooler",
    "Let the conninfo name the server itself, not its pooler: the pooler's server connection has seen a reload, and "
    "what it shows since then need not be in force. RECONNECT in PgBouncer's console replaces it once."}};
inline constexpr DeclaredPart kConfigurationInForcePart = {kConfigurationInForce, "the configuration in force",
                                                           kConfigurationInForceRemedies};

}  // namespace pgtls::sampling
