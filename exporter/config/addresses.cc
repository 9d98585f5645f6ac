#include "exporter/config/addresses.h"

#include <fmt/format.h>

#include <algorithm>

#include "exporter/base/host_port.h"
#include "exporter/base/net_address.h"
#include "exporter/base/text.h"

namespace pgtls::config {
namespace {

struct HostAndPortText {
  std::string host;
  std::string port;  // empty without one
};

HostAndPortText Split(const Node& node) {
  const std::string text = node.Text();
  const auto split = SplitHostPort(text);
  if (!split && text.starts_with('[')) node.Fail("expected [address]:port");
  if (!split) node.Fail("an IPv6 address must be in brackets: [::1]:5432");
  return {std::string(split->host), std::string(split->port.value_or(""))};
}

int PortOf(const Node& node, std::string_view text) {
  const auto port = ParsePort(text);
  if (!port || *port < 1) node.Fail("expected a port from 1 to 65535");
  return *port;
}

}  // namespace

HostPort ParseHostPort(const Node& node) {
  const auto [host, port] = Split(node);
  if (host.empty() || node.Text().ends_with(':')) node.Fail("expected host:port");
  return {host, port.empty() ? 5432 : PortOf(node, port)};
}

AllowedTarget ParseAllowedTarget(const Node& node) {
  const auto [host, port] = Split(node);
  if (host.empty() || port.empty())
    node.Fail("expected HOST:PORT, where PORT may be * and HOST a name, *.domain or a range");
  AllowedTarget target;
  if (port != "*") target.port = PortOf(node, port);
  target.network = Cidr::Parse(host);
  if (const auto zoned = ZonedAddress::Parse(host)) {
    target.network = Cidr{zoned->address, zoned->address.bits()};
    target.zone = zoned->zone;
  }
  if (target.network) return target;
  const bool glob = host.starts_with("*.") && host.size() > 2 ? host.find('*', 1) == std::string::npos
                                                              : host.find('*') == std::string::npos;
  if (!glob || host.find('/') != std::string::npos) {
    node.Fail("expected a host name, *.domain, an address or a range such as 10.0.0.0/8");
  }
  target.host_glob = host;
  return target;
}

std::vector<std::string> ParseHostNames(const Node& node) {
  const auto items = node.List();
  if (items.size() > kMostEndpointNames) {
    node.Fail(fmt::format("at most {} names: each costs a handshake in every run", kMostEndpointNames));
  }
  std::vector<std::string> names;
  for (const Node& item : items) {
    const std::string name = item.Text();
    if (ZonedAddress::Parse(name)) item.Fail("expected a host name: clients send no SNI for an address");
    if (!IsHostName(name)) {
      item.Fail(
          "expected a host name such as db.example.com: letters, digits, '-', '_' and dots between labels, "
          "without a port");
    }
    const auto same = [&](const std::string& other) { return Lower(other) == Lower(name); };
    if (std::ranges::any_of(names, same)) item.Fail("the name '" + name + "' is listed twice");
    names.push_back(name);
  }
  return names;
}

}  // namespace pgtls::config
