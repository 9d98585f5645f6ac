#include "exporter/access/rate_limiter.h"

#include <gtest/gtest.h>

namespace pgtls::access {
namespace {

TEST(RateLimiter, GivesABurstAndThenOneAnInterval) {
  using std::chrono::milliseconds;
  const RateLimiter::Clock::time_point start{std::chrono::hours(1)};
  RateLimiter limiter({.interval = milliseconds(1000), .burst = 3}, start);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limiter.Allow(start)) << i;
  EXPECT_FALSE(limiter.Allow(start));
  EXPECT_FALSE(limiter.Allow(start + milliseconds(999)));
  EXPECT_TRUE(limiter.Allow(start + milliseconds(1000)));
  EXPECT_FALSE(limiter.Allow(start + milliseconds(1000)));
  // It never holds more than a burst.
  const auto later = start + std::chrono::hours(1);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limiter.Allow(later)) << i;
  EXPECT_FALSE(limiter.Allow(later));
}

}  // namespace
}  // namespace pgtls::access
