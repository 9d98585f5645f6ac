#include "exporter/exposition/query_filter.h"

#include <algorithm>

#include "exporter/base/text.h"

namespace pgtls::exposition {

std::set<std::string> Values(const http::Request& request, std::string_view parameter) {
  std::set<std::string> values;
  const auto [first, last] = request.query.equal_range(parameter);
  for (auto pair = first; pair != last; ++pair) values.insert(pair->second);
  return values;
}

http::Response UnknownName(const std::string& what, const std::string& name) {
  http::Response response;
  response.status = 404;
  response.body = "no " + what + " named '" + Printable(name, 200) + "' is configured\n";
  return response;
}

std::optional<http::Response> NarrowToServers(const http::Request& request, sampling::Snapshots& servers) {
  const std::set<std::string> names = Values(request, "server");
  const auto name_of = [](const sampling::SharedSnapshot& server) -> const std::string& { return server->name; };
  for (const auto& name : names) {
    if (std::ranges::find(servers, name, name_of) == servers.end()) return UnknownName("server", name);
  }
  if (!names.empty()) std::erase_if(servers, [&](const auto& server) { return !names.contains(server->name); });
  return std::nullopt;
}

}  // namespace pgtls::exposition
