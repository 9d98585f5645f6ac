#include "exporter/routes/discovery.h"

#include <nlohmann/json.hpp>

#include "exporter/base/json.h"

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
      const nlohmann::ordered_json labels = {{"__metrics_path__", path},
                                             {"__param_server", name},
                                             {"__meta_pg_tls_server", name},
                                             {"instance", *host + "/" + name}};
      groups += (groups.empty() ? "" : ",\n") +
                JsonText({{"targets", nlohmann::ordered_json::array({*host})}, {"labels", labels}});
    }
    http::Response response;
    response.content_type = "application/json";
    response.body = "[" + groups + "]\n";
    return response;
  };
}

}  // namespace pgtls::routes
