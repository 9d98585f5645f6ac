// Whether something still moves on, as seen from another thread.
#pragma once

#include <atomic>
#include <chrono>

namespace pgtls {

// Whoever does the work says by when it will have moved on; whoever watches compares that with the clock. Expect() and
// IsOverdue() may be called from any thread.
class Heartbeat {
 public:
  using Clock = std::chrono::steady_clock;

  // Clock::time_point::max(): it may take as long as it likes.
  void Expect(Clock::time_point next) { next_ = next.time_since_epoch().count(); }

  // It should have moved on more than kGrace ago. A machine that is merely busy is late by less.
  bool IsOverdue(Clock::time_point now) const {
    return Clock::time_point(Clock::duration(next_.load())) < now - kGrace;
  }

  static constexpr std::chrono::seconds kGrace{30};

 private:
  std::atomic<Clock::rep> next_{Clock::time_point::max().time_since_epoch().count()};
};

}  // namespace pgtls
