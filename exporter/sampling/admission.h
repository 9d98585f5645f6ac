// Which server is asked next, and how many are asked at once. Without a limit a fleet that is slow as a whole gets more
// to do by each timeout: a query that timed out costs its connection, and a login costs as much as ten queries.
#pragma once

#include <asio.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <string>

#include "exporter/base/adaptive_limit.h"
#include "exporter/base/deadline.h"

namespace pgtls::sampling {

// The most urgent first.
enum class Urgency {
  kFirstSessions,  // the login and first collection of a server whose sessions are not known
  kSessions,
  kSettings,  // what is read on a fresh session
  kWire
};

// A collection that is due.
struct Work {
  Urgency urgency;
  Deadline due;
  std::chrono::milliseconds interval;
  bool repeated;  // not the collector's first on this server
};

// Whether `a` is served before `b`: first sessions before all others; then what is overdue by its whole interval, so
// that nothing starves, and the longest overdue first; then by urgency. Neither before the other: in order of arrival.
bool IsBefore(const Work& a, const Work& b, Deadline now);

// Shared by all servers. Used on the sampling loop only, except figures(), which any thread may call.
class Admission {
 public:
  using Now = std::function<Deadline()>;

  struct Figures {
    std::size_t limit = 0;      // collections that may be in progress at once
    bool overloaded = false;    // intervals are longer than configured
    std::uint64_t delayed = 0;  // collections that waited longer than half of their interval
  };

  static constexpr AdaptiveLimit::Bounds kBounds{.least = 8, .initial = 32, .most = 128};
  explicit Admission(asio::io_context& loop, AdaptiveLimit::Bounds bounds = kBounds,
                     Now now = std::chrono::steady_clock::now);
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  Figures figures() const;
  // Most of the servers that are asked answer late.
  bool answers_are_late() const { return limit_.overloaded(); }

  // A place in the queue, and the permit that it becomes. Leaves the queue, or returns the permit, when destroyed.
  class Permit {
   public:
    // `admission`: null for no limit; else outlives this.
    Permit(Admission* admission, std::string server, const Work& work);
    ~Permit();
    Permit(const Permit&) = delete;
    Permit& operator=(const Permit&) = delete;

    // True once it is granted, false at `deadline`: then the place in the queue is kept, for another Wait(). Throws
    // operation_aborted when cancelled.
    asio::awaitable<bool> Wait(Deadline deadline);
    // How a collection under this permit ended. Late answers of many servers shrink the limit.
    void Report(std::chrono::nanoseconds took, std::chrono::milliseconds timeout, bool answered);
    Urgency urgency() const { return work_.urgency; }

   private:
    friend class Admission;
    enum class State { kQueued, kCounted, kSilent };

    Admission* const admission_;
    const std::string server_;
    const Work work_;
    const Deadline since_;  // in the queue
    Deadline granted_{};
    State state_ = State::kQueued;
    std::list<Permit*>::iterator place_;  // in queue_ or counted_
    asio::steady_timer* wait_ = nullptr;  // of Wait(), while it waits
  };

 private:
  // Servers that have not answered after this time are no load: as long as most others answer in time, their permits
  // do not count.
  static constexpr std::chrono::seconds kSilence{1};

  // Settings and the wire also wait while first sessions are in progress, unless they are overdue.
  void Grant();
  void NoteDelay(const Work& work, Deadline::duration wait);
  void Publish();

  asio::steady_timer silence_;
  const Now now_;
  AdaptiveLimit limit_;
  std::list<Permit*> queue_;    // in order of arrival
  std::list<Permit*> counted_;  // in progress, in order of their beginning
  double stretch_ = 1;          // moving average of how much longer than configured intervals are
  bool overloaded_ = false;

  mutable std::mutex mutex_;
  Figures figures_;
};

}  // namespace pgtls::sampling
