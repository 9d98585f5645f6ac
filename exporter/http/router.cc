#include "exporter/http/router.h"

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <utility>

#include "exporter/base/log.h"

namespace pgtls::http {
namespace {

bool Takes(const Route& route, const std::string& method) {
  return std::ranges::find(route.methods, method) != route.methods.end();
}

Response MethodNotAllowed(const Route& route) {
  std::string allow;
  for (const auto& method : route.methods) {
    if (!allow.empty()) allow += ", ";
    allow += method == "GET" ? "GET, HEAD" : method;
  }
  Response response = PlainResponse(405);
  response.headers.emplace_back("Allow", std::move(allow));
  return response;
}

Response Run(const Route& route, const Request& request) {
  try {
    return route.handler(request);
  } catch (const std::exception& error) {
    log::Error("request failed", {{"path", route.path}, {"client", request.client}, {"error", error.what()}});
  } catch (...) {
    log::Error("request failed", {{"path", route.path}, {"client", request.client}});
  }
  return PlainResponse(500);
}

}  // namespace

Router::Router(std::vector<Route> routes, std::shared_ptr<RequestCounter> counter) : counter_(std::move(counter)) {
  for (auto& route : routes) {
    std::string path = route.path;
    if (!routes_.emplace(path, std::move(route)).second) throw std::logic_error("two routes for " + path);
  }
}

Response Router::Dispatch(const Request& request) const {
  const auto found = routes_.find(request.path);
  Response response;
  if (request.method == "OPTIONS" && request.path == kWholeServer) {
    response.headers.emplace_back("Allow", "GET, HEAD, OPTIONS, POST");
  } else if (found == routes_.end()) {
    response = PlainResponse(404);
  } else if (Takes(found->second, request.method == "HEAD" ? "GET" : request.method)) {
    response = Run(found->second, request);
  } else {
    response = MethodNotAllowed(found->second);
  }
  if (counter_) {
    counter_->Count(found == routes_.end() ? RequestCounter::kOther : std::string_view(found->second.name),
                    response.status);
  }
  return response;
}

}  // namespace pgtls::http
