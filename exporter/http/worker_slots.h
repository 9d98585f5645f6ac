// Turns at the inner server's worker threads.
#pragma once

#include <asio.hpp>
#include <chrono>
#include <cstddef>
#include <list>
#include <optional>

namespace pgtls::http {

// As many turns as there are workers, given in the order of asking. The front never has more connections to the inner
// server than that, so a request in CivetWeb's queue waits for nobody. Used on one executor.
class WorkerSlots {
 public:
  using Clock = std::chrono::steady_clock;

  explicit WorkerSlots(std::size_t count) : free_(count) {}
  WorkerSlots(const WorkerSlots&) = delete;
  WorkerSlots& operator=(const WorkerSlots&) = delete;

  // False where none came free before `deadline`. Each true is to be answered by one Release(). Throws when cancelled.
  asio::awaitable<bool> Acquire(asio::any_io_executor executor, Clock::time_point deadline);
  void Release();

  // Since when the first in the queue has been waiting; nullopt: nobody waits.
  std::optional<Clock::time_point> waiting_since() const;

 private:
  struct Waiter {
    asio::steady_timer timer;
    Clock::time_point since;
    bool granted = false;
  };
  std::size_t free_;
  std::list<Waiter*> queue_;
};

}  // namespace pgtls::http
