// A limit on concurrent requests that adapts to how fast they are answered.
#pragma once

#include <chrono>
#include <cstddef>
#include <set>
#include <string>

namespace pgtls {

// Additive increase, multiplicative decrease. The limit grows while answers are quick and more requests wait. It is
// halved when most of the servers answer late. A server that does not answer at all is no evidence of load: the limit
// is halved only if at least kLeastLate servers answered, and late. Pure: the caller passes the time, which must not
// decrease. Not thread-safe.
class AdaptiveLimit {
 public:
  using Time = std::chrono::steady_clock::time_point;
  struct Bounds {
    std::size_t least;
    std::size_t initial;
    std::size_t most;
  };
  // kQuick: within a quarter of the timeout. kLate: after more than half of it.
  enum class Answer { kQuick, kSlow, kLate, kNone };
  static constexpr std::size_t kLeastLate = 3;

  explicit AdaptiveLimit(Bounds bounds) : bounds_(bounds), limit_(bounds.initial) {}

  // Records a request to `server` that was sent at `asked` and ended, with or without an answer, at `now`.
  // `more_wait`: other requests wait for the limit.
  void Add(const std::string& server, Answer answer, Time asked, Time now, bool more_wait);

  std::size_t limit() const { return limit_; }
  // Whether most servers answered late in the last window.
  bool overloaded() const { return overloaded_; }

 private:
  // Evaluated once it is a second old and has enough servers; during overload also after a longest time.
  struct Window {
    static constexpr std::size_t kLeastServers = 8;
    static constexpr std::chrono::seconds kLongest{10};
    Time start;
    std::set<std::string> in_time, late, silent;
    std::size_t servers() const { return in_time.size() + late.size() + silent.size(); }
  };
  void Judge(Time now);

  Bounds bounds_;
  std::size_t limit_;
  bool overloaded_ = false;
  std::size_t quick_ = 0;         // answers since the last increase
  Time decreased_ = Time::min();  // requests sent before this suffered from the larger limit
  std::set<std::string> silent_;  // servers that did not answer their last request
  Window window_ = {};
};

}  // namespace pgtls
