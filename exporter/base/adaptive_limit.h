// How many requests may be in progress at once, learned from how they are answered.
#pragma once

#include <chrono>
#include <cstddef>
#include <set>
#include <string>

namespace pgtls {

// Additive increase, multiplicative decrease. The limit grows while answers are quick and more requests wait. It is
// halved when most of the servers that were asked answer late. A server that does not answer at all says nothing about
// the load: the limit is halved only where at least kLeastLate servers did answer, and late. Pure: the caller passes
// the time, which never goes backwards.
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

  // `server` was asked at `asked`, and had answered or not at `now`. `more_wait`: other requests wait for the limit.
  void Add(const std::string& server, Answer answer, Time asked, Time now, bool more_wait);

  std::size_t limit() const { return limit_; }
  // Most servers answered late in the last window.
  bool overloaded() const { return overloaded_; }

 private:
  // Judged once it is a second old and has this many servers; during overload also after the longest time.
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
  Time decreased_ = Time::min();  // what was asked before suffered from the larger limit
  std::set<std::string> silent_;  // servers that left their last request without an answer
  Window window_ = {};
};

}  // namespace pgtls
