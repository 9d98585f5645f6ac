// A FIFO semaphore for coroutines.
#pragma once

#include <asio.hpp>
#include <chrono>
#include <cstddef>
#include <list>

namespace pgtls {

// `count` permits, granted in the order of the requests: a caller that asks again and again cannot starve the others.
// Used on one executor.
class Semaphore {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Semaphore(std::size_t count) : free_(count) {}
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;

  // Returns false if no permit became free before `deadline`. Each true requires one Release(). Throws
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

// Releases one permit at the end of its scope. REQUIRES: Acquire() returned true.
class SemaphoreGuard {
 public:
  explicit SemaphoreGuard(Semaphore& semaphore) : semaphore_(semaphore) {}
  ~SemaphoreGuard() { semaphore_.Release(); }
  SemaphoreGuard(const SemaphoreGuard&) = delete;
  SemaphoreGuard& operator=(const SemaphoreGuard&) = delete;

 private:
  Semaphore& semaphore_;
};

}  // namespace pgtls
