// How much of everything a client may have.
#pragma once

#include <chrono>
#include <cstddef>

namespace pgtls::http {

// How long a handler may take. What it answers after that finds nobody who still waits for it.
constexpr std::chrono::seconds kLongestHandler{125};

struct FrontLimits {
  std::size_t max_connections = 512;
  std::chrono::milliseconds head{10'000};              // from the first byte of a request to its last
  std::chrono::milliseconds idle{60'000};              // from the end of a response to the next request's first byte
  std::chrono::milliseconds queue{10'000};             // for a worker
  std::chrono::milliseconds handler{kLongestHandler};  // from a worker to the first byte of the response
  std::chrono::milliseconds response{60'000};          // from there to its last byte
};

}  // namespace pgtls::http
