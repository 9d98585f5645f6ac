// Whether work on one thread still makes progress, as seen from another thread.
#pragma once

#include <atomic>
#include <chrono>

namespace pgtls {

// The working thread announces with Expect() by when it will call again; a watching thread asks IsOverdue().
// Thread-safe.
class Heartbeat {
 public:
  using Clock = std::chrono::steady_clock;

  // Clock::time_point::max(): no limit.
  void Expect(Clock::time_point next) { next_ = next.time_since_epoch().count(); }

  // Whether the announced time passed more than kGrace ago. A machine that is only busy is late by less.
  bool IsOverdue(Clock::time_point now) const {
    return Clock::time_point(Clock::duration(next_.load())) < now - kGrace;
  }

  static constexpr std::chrono::seconds kGrace{30};

 private:
  std::atomic<Clock::rep> next_{Clock::time_point::max().time_since_epoch().count()};
};

}  // namespace pgtls
