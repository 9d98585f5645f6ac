#include "exporter/http/listener.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "exporter/base/error.h"

namespace pgtls::http {
namespace {

using asio::ip::tcp;

// A listener of all addresses takes IPv4 too, unless the same port is asked for on an IPv4 address.
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

// All of `endpoints`; with port 0, on the port that the first one got. An error of one is an error of all, but for a
// missing family.
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
      if (error.code() != asio::error::address_family_not_supported &&
          error.code() != std::errc::address_not_available) {
        throw;
      }
      missing = error;
    }
  }
  if (acceptors.empty() && missing) throw std::system_error(*missing);
  return acceptors;
}

// A port that is free on one address may be taken on the next.
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

}  // namespace

ListenAddress ParseListenAddress(std::string_view text) {
  const ConfigError malformed(
      "listen address " + std::string(text) +
      ": expected HOST:PORT, with brackets around an IPv6 address, as in 127.0.0.1:9743 or [::1]:9743");
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) throw ConfigError(malformed);
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  ListenAddress address;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), address.port);
  if (error != std::errc() || end != digits.data() + digits.size()) throw ConfigError(malformed);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    if (!host.contains(':')) throw ConfigError(malformed);
  } else if (host.find_first_of("[]:") != std::string_view::npos) {
    throw ConfigError(malformed);
  }
  address.host = host;
  return address;
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
      throw ConfigError("cannot listen on " + addresses[i] + ": " + error.code().message());
    }
  }
  return acceptors;
}

}  // namespace pgtls::http
