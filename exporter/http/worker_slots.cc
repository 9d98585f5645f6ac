#include "exporter/http/worker_slots.h"

#include <asio/experimental/as_tuple.hpp>

namespace pgtls::http {

asio::awaitable<bool> WorkerSlots::Acquire(asio::any_io_executor executor, Clock::time_point deadline) {
  if (free_ > 0) {
    --free_;
    co_return true;
  }
  Waiter waiter{asio::steady_timer(executor, deadline), Clock::now()};
  const auto place = queue_.insert(queue_.end(), &waiter);
  // Also when the coroutine is cancelled, or destroyed where it stands.
  struct Leave {
    WorkerSlots& slots;
    Waiter& waiter;
    std::list<Waiter*>::iterator place;
    bool taken = false;
    ~Leave() {
      if (!waiter.granted) slots.queue_.erase(place);
      if (waiter.granted && !taken) slots.Release();
    }
  };
  Leave leave{*this, waiter, place};
  co_await waiter.timer.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
  leave.taken = waiter.granted;
  co_return waiter.granted;
}

void WorkerSlots::Release() {
  if (queue_.empty()) {
    ++free_;
    return;
  }
  Waiter& first = *queue_.front();
  queue_.pop_front();
  first.granted = true;
  first.timer.cancel();
}

std::optional<WorkerSlots::Clock::time_point> WorkerSlots::waiting_since() const {
  if (queue_.empty()) return std::nullopt;
  return queue_.front()->since;
}

}  // namespace pgtls::http
