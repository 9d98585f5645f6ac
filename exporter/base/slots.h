// Turns at something of which there is only so much.
#pragma once

#include <asio.hpp>
#include <chrono>
#include <cstddef>
#include <list>

namespace pgtls {

// So many turns, given in the order of asking: one who asks again and again keeps nobody out who waits. Used on one
// executor.
class Slots {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Slots(std::size_t count) : free_(count) {}
  Slots(const Slots&) = delete;
  Slots& operator=(const Slots&) = delete;

  // False where none came free before `deadline`. Each true is to be answered by one Release(). Throws
  // operation_aborted when cancelled.
  asio::awaitable<bool> Acquire(asio::any_io_executor executor, Clock::time_point deadline);
  void Release();

 private:
  struct Waiter {
    asio::steady_timer timer;
    bool granted = false;
  };
  std::size_t free_;
  std::list<Waiter*> queue_;
};

// A turn that is held, and released at the end of its scope.
class SlotHolder {
 public:
  explicit SlotHolder(Slots& slots) : slots_(slots) {}
  ~SlotHolder() { slots_.Release(); }
  SlotHolder(const SlotHolder&) = delete;
  SlotHolder& operator=(const SlotHolder&) = delete;

 private:
  Slots& slots_;
};

}  // namespace pgtls
