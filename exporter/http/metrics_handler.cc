#include "exporter/http/metrics_handler.h"

#include <memory>
#include <utility>

#include "exporter/config/config.h"
#include "exporter/http/metrics_page.h"
#include "exporter/http/server_filter.h"

namespace pgtls::http {
namespace {

Response Answer(const MetricsSource& source, const Request& request) {
  sampling::Snapshots servers = source.servers();
  PageFilter filter;
  filter.collectors = Values(request, "collect[]");
  for (const auto& name : filter.collectors) {
    if (!config::DefaultCollectors().contains(name)) return UnknownName("collector", name);
  }
  if (auto unknown = NarrowToServers(request, servers)) return *std::move(unknown);
  filter.exporter = !request.query.contains("server");
  Response response;
  response.content_type = kExpositionType;
  response.body = MetricsPage(source.order, std::move(servers), filter.exporter ? source.exporter() : nullptr, filter);
  return response;
}

}  // namespace

Handler MetricsHandler(MetricsSource source) {
  return [shared = std::make_shared<const MetricsSource>(std::move(source))](const Request& request) {
    return Answer(*shared, request);
  };
}

}  // namespace pgtls::http
