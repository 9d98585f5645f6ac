// Finds the route of a request and returns its response; handles 404, 405, HEAD, and exceptions of handlers.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "exporter/http/message.h"
#include "exporter/http/request_counter.h"

namespace pgtls::http {

// Immutable; Dispatch() is thread-safe if the handlers are.
class Router {
 public:
  // Throws std::logic_error if two routes have the same path. `counter` may be null.
  Router(std::vector<Route> routes, std::shared_ptr<RequestCounter> counter);

  // Never throws. Counts the response.
  Response Dispatch(const Request& request) const;

 private:
  std::map<std::string, Route, std::less<>> routes_;
  std::shared_ptr<RequestCounter> counter_;
};

}  // namespace pgtls::http
