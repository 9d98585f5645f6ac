#include "exporter/base/slots.h"
#include "exporter/base/completion.h"

#include <system_error>

namespace pgtls {

asio::awaitable<bool> Slots::Acquire(asio::any_io_executor executor, Clock::time_point deadline) {
  if (free_ > 0) {
    --free_;
    co_return true;
  }
  Waiter waiter{asio::steady_timer(executor, deadline)};
  const auto place = queue_.insert(queue_.end(), &waiter);
  // Also when the coroutine is cancelled, or destroyed where it stands.
  struct Leave {
    Slots& slots;
    Waiter& waiter;
    std::list<Waiter*>::iterator place;
    bool taken = false;
    ~Leave() {
      if (!waiter.granted) slots.queue_.erase(place);
      if (waiter.granted && !taken) slots.Release();
    }
  };
  Leave leave{*this, waiter, place};
  co_await waiter.timer.async_wait(kAsTuple);
  // In the moment in which its turn comes too: the turn is the next one's then.
  const auto cancelled = (co_await asio::this_coro::cancellation_state).cancelled();
  if (cancelled != asio::cancellation_type::none) throw std::system_error(asio::error::operation_aborted);
  leave.taken = waiter.granted;
  co_return waiter.granted;
}

void Slots::Release() {
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
