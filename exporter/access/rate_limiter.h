// A token bucket (rate_limit of the web configuration).
#pragma once

#include <algorithm>
#include <chrono>

#include "exporter/access/web_config.h"

namespace pgtls::access {

// Allows `burst` requests at once, then one per `interval`. Not thread-safe.
class RateLimiter {
 public:
  using Clock = std::chrono::steady_clock;

  RateLimiter(const RateLimit& limit, Clock::time_point now) : limit_(limit), full_at_(now) {}
  const RateLimit& limit() const { return limit_; }

  // Takes a token; returns false if there is none. REQUIRES: `now` does not decrease.
  bool Allow(Clock::time_point now) {
    // The bucket is stored as the time at which it is full again: each token taken delays that by one interval.
    const auto full_at = std::max(full_at_, now) + limit_.interval;
    if (full_at - now > limit_.interval * limit_.burst) return false;
    full_at_ = full_at;
    return true;
  }

 private:
  RateLimit limit_;
  Clock::time_point full_at_;
};

}  // namespace pgtls::access
