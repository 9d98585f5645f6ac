#include "exporter/routes/probe_target.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <netdb.h>
#include <strings.h>

#include <algorithm>
#include <charconv>
#include <memory>

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
  ProbeTarget target;
  std::string_view port;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    target.host = text.substr(1, close - 1);
    const auto address = ZonedAddress::Parse(target.host);
    if (!address || address->address.is_v4()) return std::nullopt;
    port = text.substr(close + 1);
    if (!port.empty() && !port.starts_with(':')) return std::nullopt;
  } else {
    const auto colon = text.find(':');
    target.host = text.substr(0, colon);
    port = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
    if (!IsHostName(target.host)) return std::nullopt;
  }
  if (port.empty()) return target;
  port.remove_prefix(1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), target.port);
  if (error != std::errc() || end != port.data() + port.size() || target.port < 1 || target.port > 65535)
    return std::nullopt;
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
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* raw = nullptr;
  if (getaddrinfo(target.host.c_str(), nullptr, &hints, &raw) != 0) return {};
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> found(raw, freeaddrinfo);
  std::vector<std::string> addresses;
  for (const addrinfo* entry = found.get(); entry != nullptr; entry = entry->ai_next) {
    char text[NI_MAXHOST];
    if (getnameinfo(entry->ai_addr, entry->ai_addrlen, text, sizeof(text), nullptr, 0, NI_NUMERICHOST) != 0) continue;
    const auto address = ZonedAddress::Parse(text);
    if (address && RangeHolds(allowed, *address, target.port)) addresses.emplace_back(text);
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
