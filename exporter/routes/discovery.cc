#include "exporter/routes/discovery.h"

#include <fmt/format.h>

#include "exporter/base/text.h"

namespace pgtls::routes {
namespace {

// Prometheus would be sent wherever this says: only what can be a host and a port.
bool IsHost(const std::string& host) {
  return !host.empty() && host.size() <= 300 &&
         host.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]") ==
             std::string::npos;
}

}  // namespace

http::Handler DiscoveryHandler(std::function<std::vector<std::string>()> server_names, std::string telemetry_path) {
  return [names = std::move(server_names), path = std::move(telemetry_path)](const http::Request& request) {
    const std::string* host = request.Header("Host");
    if (host == nullptr || !IsHost(*host)) return http::PlainResponse(400);
    std::string groups;
    for (const auto& name : names()) {
      groups += fmt::format(
          R"({}{{"targets":[{}],"labels":{{"__metrics_path__":{},"__param_server":{},"__meta_pg_tls_server":{},"instance":{}}}}})",
          groups.empty() ? "" : ",\n", JsonString(*host), JsonString(path), JsonString(name), JsonString(name),
          JsonString(*host + "/" + name));
    }
    http::Response response;
    response.content_type = "application/json";
    response.body = "[" + groups + "]\n";
    return response;
  };
}

}  // namespace pgtls::routes
