#include "exporter/http/metrics_handler.h"

#include <algorithm>
#include <memory>
#include <set>

#include "exporter/base/text.h"
#include "exporter/config/config.h"
#include "exporter/http/metrics_page.h"

namespace pgtls::http {
namespace {

std::set<std::string> Values(const Request& request, std::string_view parameter) {
  std::set<std::string> values;
  const auto [first, last] = request.query.equal_range(parameter);
  for (auto pair = first; pair != last; ++pair) values.insert(pair->second);
  return values;
}

Response Unknown(const std::string& what, const std::string& name) {
  Response response;
  response.status = 404;
  response.body = "no " + what + " named '" + Printable(name, 200) + "' is configured\n";
  return response;
}

Response Answer(const MetricsSource& source, const Request& request) {
  std::vector<sampling::ServerSnapshot> servers = source.servers();
  PageFilter filter;
  filter.collectors = Values(request, "collect[]");
  for (const auto& name : filter.collectors) {
    if (!config::DefaultCollectors().contains(name)) return Unknown("collector", name);
  }
  const std::set<std::string> names = Values(request, "server");
  for (const auto& name : names) {
    const bool known =
        std::any_of(servers.begin(), servers.end(), [&](const auto& server) { return server.name == name; });
    if (!known) return Unknown("server", name);
  }
  if (!names.empty()) {
    filter.exporter = false;
    std::erase_if(servers, [&](const auto& server) { return !names.contains(server.name); });
  }
  Response response;
  response.content_type = kExpositionType;
  response.body = MetricsPage(source.catalogue, servers,
                              filter.exporter ? source.exporter() : std::vector<metrics::RenderedFamily>{}, filter);
  return response;
}

}  // namespace

Handler MetricsHandler(MetricsSource source) {
  return [shared = std::make_shared<const MetricsSource>(std::move(source))](const Request& request) {
    return Answer(*shared, request);
  };
}

}  // namespace pgtls::http
