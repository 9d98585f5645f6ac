// How much of everything a client may have.
#pragma once

#include <chrono>
#include <cstddef>

#include "exporter/http/message.h"

namespace pgtls::front {

struct FrontLimits {
  std::size_t max_connections = 512;
  std::chrono::milliseconds head{10'000};   // from the first byte of a request to its last
  std::chrono::milliseconds idle{60'000};   // from the end of a response to the next request's first byte
  std::chrono::milliseconds queue{10'000};  // for a worker
  std::chrono::milliseconds handler{http::kLongestHandler};  // from a worker to the first byte of the response
  std::chrono::milliseconds response{60'000};                // from there to its last byte
};

}  // namespace pgtls::front
