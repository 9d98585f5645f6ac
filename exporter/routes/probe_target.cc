#include "exporter/routes/probe_target.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <strings.h>

#include <algorithm>

#include "exporter/base/error.h"
#include "exporter/base/host_port.h"
#include "exporter/base/resolve.h"

namespace pgtls::routes {
namespace {

constexpr std::size_t kMaxHostBytes = 253;  // RFC 1035, 2.3.4

bool IsHostName(std::string_view host) {
  return !host.empty() && host.size() <= kMaxHostBytes && host.front() != '-' &&
         host.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") ==
             std::string_view::npos;
}

bool PortMatches(const config::AllowedTarget& allowed, int port) { return !allowed.port || *allowed.port == port; }

bool NameMatches(const std::string& glob, const std::string& host) {
  if (!glob.starts_with("*.")) return strcasecmp(glob.c_str(), host.c_str()) == 0;
  // '*' is the whole leftmost label: never empty, never two labels.
  const auto dot = host.find('.');
  return dot != std::string::npos && dot > 0 && strcasecmp(glob.c_str() + 1, host.c_str() + dot) == 0;
}

bool RangeHolds(const std::vector<config::AllowedTarget>& allowed, const ZonedAddress& address, int port) {
  return std::any_of(allowed.begin(), allowed.end(), [&](const config::AllowedTarget& pattern) {
    return pattern.network && PortMatches(pattern, port) && pattern.network->Contains(address.address.Unmapped()) &&
           (pattern.zone.empty() || pattern.zone == address.zone);
  });
}

}  // namespace

std::optional<ProbeTarget> ParseProbeTarget(std::string_view text) {
  const auto split = SplitHostPort(text);
  if (!split) return std::nullopt;
  ProbeTarget target{.host = std::string(split->host)};
  if (split->in_brackets) {
    const auto address = ZonedAddress::Parse(target.host);
    if (!address || address->address.is_v4()) return std::nullopt;
  } else if (!IsHostName(target.host)) {
    return std::nullopt;
  }
  if (!split->port) return target;
  const auto port = ParsePort(*split->port);
  if (!port || *port < 1) return std::nullopt;
  target.port = *port;
  return target;
}

Admission Admit(const std::vector<config::AllowedTarget>& allowed, const ProbeTarget& target) {
  if (const auto address = ZonedAddress::Parse(target.host)) {
    return RangeHolds(allowed, *address, target.port) ? Admission::kByAddress : Admission::kRefused;
  }
  Admission admission = Admission::kRefused;
  for (const auto& pattern : allowed) {
    if (!PortMatches(pattern, target.port)) continue;
    if (pattern.network) {
      admission = Admission::kByAddress;
    } else if (NameMatches(pattern.host_glob, target.host)) {
      return Admission::kByName;
    }
  }
  return admission;
}

std::vector<std::string> AllowedAddresses(const std::vector<config::AllowedTarget>& allowed,
                                          const ProbeTarget& target) {
  std::vector<std::string> addresses;
  try {
    for (const auto& endpoint : Resolve(target.host, "")) {
      const std::string text = endpoint.address().to_string();
      const auto address = ZonedAddress::Parse(text);
      if (address && RangeHolds(allowed, *address, target.port)) addresses.push_back(text);
    }
  } catch (const Error&) {
    return {};  // the name means nothing
  }
  return addresses;
}

std::string ConninfoFor(const std::string& conninfo, const ProbeTarget& target,
                        const std::vector<std::string>& addresses) {
  // In front: behind it, an unfinished value of the conninfo ("password=", a backslash at its end) would swallow the
  // host. Host and address hold no character that would need quotes. hostaddr is there even without a value: so neither
  // PGHOSTADDR nor a service file has a say.
  const std::size_t count = std::max<std::size_t>(addresses.size(), 1);
  const std::vector<std::string> hosts(count, target.host);
  const std::vector<std::string> ports(count, std::to_string(target.port));
  return fmt::format("host={} port={} hostaddr='{}' {}", fmt::join(hosts, ","), fmt::join(ports, ","),
                     fmt::join(addresses, ","), conninfo);
}

}  // namespace pgtls::routes
