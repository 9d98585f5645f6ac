// Which targets a probe may go to. Pure but for AllowedAddresses().
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/config/config.h"

namespace pgtls::routes {

struct ProbeTarget {
  std::string host;  // a name or an address, IPv6 without brackets
  int port = 5432;
};

// "db1:5432", "db1", "[::1]:5432". nullopt for everything else: no socket directories, no lists, no connection strings,
// since what is checked must be what libpq connects to.
std::optional<ProbeTarget> ParseProbeTarget(std::string_view text);

// How far a module lets a target through.
enum class Admission {
  kRefused,    // nothing may be sent, not even a question to a name server
  kByName,     // a host glob matches
  kByAddress,  // an address range may match, once the name is resolved
};
Admission Admit(const std::vector<config::AllowedTarget>& allowed, const ProbeTarget& target);

// The addresses of `target` that a range of `allowed` holds, as libpq's hostaddr takes them. Blocks on name resolution;
// empty where none is.
std::vector<std::string> AllowedAddresses(const std::vector<config::AllowedTarget>& allowed, const ProbeTarget& target);

// `conninfo` (key=value form, without host, hostaddr, port and service) at this target: at these addresses of it, or,
// where there are none, at whatever its name means to libpq.
std::string ConninfoFor(const std::string& conninfo, const ProbeTarget& target,
                        const std::vector<std::string>& addresses);

}  // namespace pgtls::routes
