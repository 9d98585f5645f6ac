// Limits for clients.
#pragma once

#include <chrono>
#include <cstddef>

#include "exporter/http/message.h"

namespace pgtls::front {

struct FrontLimits {
  std::size_t max_connections = 512;
  std::chrono::milliseconds head{10'000};   // from the first to the last byte of a request
  std::chrono::milliseconds idle{60'000};   // from the end of a response to the next request's first byte
  std::chrono::milliseconds queue{10'000};  // waiting for a worker
  std::chrono::milliseconds handler{http::kLongestHandler};  // from a worker to the first byte of the response
  std::chrono::milliseconds response{60'000};                // from the first to the last byte of the response
};

}  // namespace pgtls::front
