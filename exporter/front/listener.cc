#include "exporter/front/listener.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "exporter/base/error.h"
#include "exporter/base/host_port.h"
#include "exporter/base/text.h"

namespace pgtls::front {
namespace {

using asio::ip::tcp;

// Asio has its own category, whose codes never equal a std::errc.
bool IsSystem(const std::error_code& error, int number) {
  return error.category() == asio::error::get_system_category() && error.value() == number;
}

// A listener of all addresses accepts IPv4, too, unless the same port is configured on an IPv4 address.
bool OnlyV6(const tcp::endpoint& endpoint, const std::vector<ListenAddress>& all) {
  if (!endpoint.address().is_unspecified()) return true;
  return std::ranges::any_of(all, [&](const ListenAddress& other) {
    return other.port != 0 && other.port == endpoint.port() && other.host.contains('.');
  });
}

tcp::acceptor ListenOn(asio::io_context& io, const tcp::endpoint& endpoint, bool only_v6) {
  tcp::acceptor acceptor(io, endpoint.protocol());
  acceptor.set_option(tcp::acceptor::reuse_address(true));
  if (endpoint.address().is_v6()) acceptor.set_option(asio::ip::v6_only(only_v6));
  acceptor.bind(endpoint);
  acceptor.listen(asio::socket_base::max_listen_connections);
  acceptor.non_blocking(true);
  return acceptor;
}

std::vector<tcp::endpoint> Resolve(asio::io_context& io, const ListenAddress& address) {
  if (address.host.empty()) return {tcp::endpoint(tcp::v6(), address.port), tcp::endpoint(tcp::v4(), address.port)};
  tcp::resolver resolver(io);
  std::vector<tcp::endpoint> endpoints;
  const auto flags = tcp::resolver::passive | tcp::resolver::numeric_service;
  for (const auto& entry : resolver.resolve(address.host, std::to_string(address.port), flags)) {
    if (std::ranges::find(endpoints, entry.endpoint()) == endpoints.end()) endpoints.push_back(entry.endpoint());
  }
  return endpoints;
}

// All of `endpoints`; with port 0, on the port of the first one. An error of one is an error of all, except a missing
// address family.
std::vector<tcp::acceptor> ListenOnAll(asio::io_context& io, std::vector<tcp::endpoint> endpoints, bool every_address,
                                       const std::vector<ListenAddress>& all) {
  std::vector<tcp::acceptor> acceptors;
  std::optional<std::system_error> missing;
  for (auto& endpoint : endpoints) {
    if (endpoint.port() == 0 && !acceptors.empty()) endpoint.port(acceptors.front().local_endpoint().port());
    try {
      const bool only_v6 = OnlyV6(endpoint, all);
      acceptors.push_back(ListenOn(io, endpoint, only_v6));
      if (every_address && endpoint.address().is_v6() && !only_v6) break;  // IPv4 is in it
    } catch (const std::system_error& error) {
      if (error.code() != asio::error::address_family_not_supported && !IsSystem(error.code(), EADDRNOTAVAIL)) {
        throw;
      }
      missing = error;
    }
  }
  if (acceptors.empty() && missing) throw std::system_error(*missing);
  return acceptors;
}

// A port that is free on one address may be in use on the next.
std::vector<tcp::acceptor> ListenOnFreePort(asio::io_context& io, const std::vector<tcp::endpoint>& endpoints,
                                            bool every_address, const std::vector<ListenAddress>& all) {
  for (int attempt = 0; attempt < 20; ++attempt) {
    try {
      return ListenOnAll(io, endpoints, every_address, all);
    } catch (const std::system_error& error) {
      if (error.code() != asio::error::address_in_use) throw;
    }
  }
  throw std::system_error(asio::error::address_in_use);
}

// An interface that is not up yet, a port that is still in use, a resolver that does not answer yet. Every resolver
// error counts: before the network is up it reports that names do not exist.
bool MayPass(const std::error_code& error) {
  return IsSystem(error, EADDRINUSE) || IsSystem(error, EADDRNOTAVAIL) || IsSystem(error, ENODEV) ||
         error.category() == asio::error::get_netdb_category() ||
         error.category() == asio::error::get_addrinfo_category();
}

}  // namespace

ListenAddress ParseListenAddress(std::string_view text) {
  const auto fail = [&](const std::string& why) {
    throw ConfigError("--web.listen-address=" + Printable(text, 200) + ": " + why);
  };
  const char* form = "expected ADDRESS:PORT, with brackets around an IPv6 address, as in 127.0.0.1:9743 or [::1]:9743";
  if (text.starts_with("unix:") || text.contains('/')) fail("only TCP is supported, neither a path nor a URL");
  const auto split = SplitHostPort(text);
  if (!split) fail(form);
  if (!split->port) fail(std::string("no port; ") + form);
  const auto port = ParsePort(*split->port);
  if (!port) fail("port '" + Printable(*split->port, 60) + "' is not a number from 0 to 65535");
  if (split->in_brackets && !split->host.contains(':')) {
    fail(std::string("not an IPv6 address in the brackets; ") + form);
  }
  if (split->host.find_first_of("[] \t") != std::string_view::npos) fail(form);
  return {.host = split->host == "*" ? "" : std::string(split->host), .port = *port};
}

std::vector<tcp::acceptor> Listen(asio::io_context& io, const std::vector<std::string>& addresses) {
  std::vector<ListenAddress> parsed;
  parsed.reserve(addresses.size());
  for (const auto& text : addresses) parsed.push_back(ParseListenAddress(text));
  std::vector<tcp::acceptor> acceptors;
  for (std::size_t i = 0; i < parsed.size(); ++i) {
    try {
      const auto endpoints = Resolve(io, parsed[i]);
      auto some = parsed[i].port == 0 ? ListenOnFreePort(io, endpoints, parsed[i].host.empty(), parsed)
                                      : ListenOnAll(io, endpoints, parsed[i].host.empty(), parsed);
      std::ranges::move(some, std::back_inserter(acceptors));
    } catch (const std::system_error& error) {
      const std::string place = "cannot listen on " + Printable(addresses[i], 200) + ": ";
      const bool ours = std::ranges::any_of(
          acceptors, [&](const tcp::acceptor& acceptor) { return acceptor.local_endpoint().port() == parsed[i].port; });
      if (error.code() == asio::error::address_in_use && ours) {
        throw ConfigError(place + "another --web.listen-address already covers it");
      }
      if (error.code() == asio::error::invalid_argument && !parsed[i].host.contains('%')) {
        throw ConfigError(place + "a link-local address needs its interface, as in [fe80::1%eth0]:9743");
      }
      if (MayPass(error.code())) throw UnavailableError(place + error.code().message());
      throw ConfigError(place + error.code().message());
    }
  }
  return acceptors;
}

}  // namespace pgtls::front
