#include "exporter/routes/metrics_handler.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "exporter/exposition/metrics_page.h"
#include "exporter/exposition/query_filter.h"

namespace pgtls::routes {
namespace {

http::Response Answer(const MetricsSource& source, const http::Request& request) {
  sampling::Snapshots servers = source.servers();
  exposition::PageFilter filter;
  filter.collectors = exposition::Values(request, "collect[]");
  for (const auto& name : filter.collectors) {
    const bool known = std::ranges::any_of(source.collectors, [&](const auto* type) { return type->name == name; });
    if (!known) return exposition::UnknownName("collector", name);
  }
  if (auto unknown = exposition::NarrowToServers(request, servers)) return *std::move(unknown);
  filter.exporter = !request.query.contains("server");
  http::Response response;
  response.content_type = exposition::kExpositionType;
  response.body =
      exposition::MetricsPage(source.order, std::move(servers), filter.exporter ? source.exporter() : nullptr, filter);
  return response;
}

}  // namespace

http::Handler MetricsHandler(MetricsSource source) {
  return [shared = std::make_shared<const MetricsSource>(std::move(source))](const http::Request& request) {
    return Answer(*shared, request);
  };
}

}  // namespace pgtls::routes
