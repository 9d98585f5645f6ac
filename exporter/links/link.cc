#include "exporter/links/link.h"

#include <algorithm>
#include <array>
#include <utility>

#include "exporter/base/text.h"

namespace pgtls::links {
namespace {

constexpr std::string_view kDefaultPort = "5432";

std::string_view Trimmed(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  text.remove_suffix(text.size() - (text.find_last_not_of(' ') + 1));
  return text;
}

Network NetworkOfOne(std::string_view host) {
  if (host.empty() || host.front() == '/' || host.front() == '@') return Network::kLocal;
  if (host == "localhost") return Network::kLoopback;
  const auto address = IpAddress::Parse(host);
  return address ? NetworkOf(*address) : Network::kRemote;
}

// libpq's defaults (PQconninfoOptions, and connectOptions2() for the system's root certificates).
std::string SslmodeInForce(const Options& options) {
  constexpr std::array<std::string_view, 6> kModes = {"disable", "allow",     "prefer",
                                                      "require", "verify-ca", "verify-full"};
  if (!options.sslmode.empty()) return std::ranges::count(kModes, options.sslmode) > 0 ? options.sslmode : "";
  if (options.service) return "";
  return options.knows_system_root && options.sslrootcert == "system" ? "verify-full" : "prefer";
}

// libpq connects to the addresses, and to the host where a list of them leaves one out.
Network NetworkByOptions(const Options& options) {
  const Network by_host = NetworkOf(options.host);
  if (options.hostaddr.empty()) return options.service && options.host.empty() ? Network::kRemote : by_host;
  const Network by_address = NetworkOf(options.hostaddr);
  const auto addresses = SplitList(options.hostaddr, ',');
  const bool all = std::ranges::none_of(addresses, [](std::string_view one) { return Trimmed(one).empty(); });
  return all ? by_address : std::max(by_host, by_address);
}

Protection ProtectionBy(std::string_view sslmode) {
  if (sslmode == "disable") return Protection::kNone;
  if (sslmode == "allow" || sslmode == "prefer") return Protection::kOptional;
  if (sslmode == "require") return Protection::kEncrypted;
  if (sslmode == "verify-ca") return Protection::kCaVerified;
  if (sslmode == "verify-full") return Protection::kVerified;
  return Protection::kUnknown;
}

Protection ProtectionOf(const Link& link, const Options& options) {
  if (link.network == Network::kLocal) return Protection::kLocal;
  // GSS encryption is tried before TLS, and nothing after it.
  if (options.gssencmode == "require") return Protection::kEncrypted;
  return ProtectionBy(link.sslmode);
}

}  // namespace

std::string_view ToString(Protection protection) {
  switch (protection) {
    case Protection::kNone:
      return "none";
    case Protection::kOptional:
      return "optional";
    case Protection::kEncrypted:
      return "encrypted";
    case Protection::kCaVerified:
      return "ca_verified";
    case Protection::kVerified:
      return "verified";
    case Protection::kLocal:
      return "local";
    case Protection::kUnknown:
      break;
  }
  return "unknown";
}

Network NetworkOf(const IpAddress& address) { return address.IsLoopback() ? Network::kLoopback : Network::kRemote; }

Network NetworkOf(std::string_view hosts) {
  Network farthest = Network::kLocal;
  for (const std::string_view host : SplitList(hosts, ',')) farthest = std::max(farthest, NetworkOfOne(Trimmed(host)));
  return farthest;
}

Link LinkOf(std::string_view kind, std::string database, std::string name, const Options& options) {
  const Network network = NetworkByOptions(options);
  const bool shows_address = options.host.empty() || network != NetworkOf(options.host);
  Link link = {.kind = std::string(kind),
               .database = std::move(database),
               .name = std::move(name),
               .host = shows_address && !options.hostaddr.empty() ? options.hostaddr : options.host,
               .port = options.port.empty() ? std::string(kDefaultPort) : options.port,
               .sslmode = SslmodeInForce(options),
               .sslrootcert = options.sslrootcert,
               .network = network};
  link.protection = ProtectionOf(link, options);
  return link;
}

}  // namespace pgtls::links
