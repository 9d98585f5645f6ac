// From a request to its route's response: 404, 405, HEAD, and what a handler throws.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "exporter/http/message.h"
#include "exporter/http/request_counter.h"

namespace pgtls::http {

// Immutable; Dispatch() is thread-safe where the handlers are.
class Router {
 public:
  // A path that occurs twice is a mistake of the caller: std::logic_error. `counter` may be null.
  Router(std::vector<Route> routes, std::shared_ptr<RequestCounter> counter);

  // Never throws. Counts what it returns.
  Response Dispatch(const Request& request) const;

 private:
  std::map<std::string, Route, std::less<>> routes_;
  std::shared_ptr<RequestCounter> counter_;
};

}  // namespace pgtls::http
