#include <chrono>
#include <memory>
#include <utility>

#include "exporter/exposition/query_filter.h"
#include "exporter/status/page.h"
#include "exporter/status/style.h"

namespace pgtls::status {
namespace {

http::Response Answer(const StatusSource& source, const http::Request& request) {
  sampling::Snapshots servers = source.servers();
  if (auto unknown = exposition::NarrowToServers(request, servers)) return *std::move(unknown);
  StatusFrame frame;
  frame.telemetry_path = source.telemetry_path;
  frame.version = source.version;
  frame.shard = source.shard;
  frame.narrowed = request.query.contains("server");
  frame.refreshes = !exposition::Values(request, "refresh").contains("off");
  frame.reload_refused = source.reload_refused();
  StatusLimits limits;
  if (frame.narrowed) {
    limits.rows *= 5;
    limits.issues = 50;
    limits.evidence = 12;
    limits.explained = limits.rows;
    limits.detailed = 10;
  }
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  http::Response response;
  response.content_type = "text/html; charset=utf-8";
  response.style_hash = StyleHash();
  response.body = StatusPage(ViewOf(servers, now, limits), frame);
  return response;
}

}  // namespace

http::Handler StatusHandler(StatusSource source) {
  return [shared = std::make_shared<const StatusSource>(std::move(source))](const http::Request& request) {
    return Answer(*shared, request);
  };
}

}  // namespace pgtls::status
