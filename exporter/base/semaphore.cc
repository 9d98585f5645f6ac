#include "exporter/base/semaphore.h"

#include <system_error>

#include "exporter/base/completion.h"

namespace pgtls {

asio::awaitable<bool> Semaphore::Acquire(asio::any_io_executor executor, Clock::time_point deadline) {
  if (free_ > 0) {
    --free_;
    co_return true;
  }
  Waiter waiter{asio::steady_timer(executor, deadline)};
  const auto place = queue_.insert(queue_.end(), &waiter);
  // Runs on cancellation too, and if the suspended coroutine is destroyed.
  struct Leave {
    Semaphore& semaphore;
    Waiter& waiter;
    std::list<Waiter*>::iterator place;
    bool taken = false;
    ~Leave() {
      if (!waiter.granted) semaphore.queue_.erase(place);
      if (waiter.granted && !taken) semaphore.Release();
    }
  };
  Leave leave{*this, waiter, place};
  co_await waiter.timer.async_wait(kAsTuple);
  // A permit that is granted at the moment of the cancellation goes to the next waiter.
  const auto cancelled = (co_await asio::this_coro::cancellation_state).cancelled();
  if (cancelled != asio::cancellation_type::none) throw std::system_error(asio::error::operation_aborted);
  leave.taken = waiter.granted;
  co_return waiter.granted;
}

void Semaphore::Release() {
  if (queue_.empty()) {
    ++free_;
    return;
  }
  Waiter& first = *queue_.front();
  queue_.pop_front();
  first.granted = true;
  first.timer.cancel();
}

}  // namespace pgtls
