#include "exporter/front/fair_semaphore.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "exporter/base/completion.h"

namespace pgtls::front {

asio::awaitable<FairSemaphore::Permit> FairSemaphore::Acquire(asio::any_io_executor executor, std::string network,
                                                              Clock::time_point deadline) {
  if (free_ > 0) {
    --free_;
    ++held_[network];
    co_return Permit(*this, std::move(network));
  }
  Waiter waiter{asio::steady_timer(executor, deadline), Clock::now(), std::move(network)};
  const auto place = queue_.insert(queue_.end(), &waiter);
  // Also when the coroutine is cancelled, or destroyed where it stands.
  struct Leave {
    FairSemaphore& semaphore;
    Waiter& waiter;
    std::list<Waiter*>::iterator place;
    bool taken = false;
    ~Leave() {
      if (!waiter.granted) semaphore.queue_.erase(place);
      if (waiter.granted && !taken) semaphore.Release(waiter.network);
    }
  };
  Leave leave{*this, waiter, place};
  co_await waiter.timer.async_wait(kAsTuple);
  // Granted in the same moment: the permit goes to the next one.
  const auto cancelled = (co_await asio::this_coro::cancellation_state).cancelled();
  if (cancelled != asio::cancellation_type::none) throw std::system_error(asio::error::operation_aborted);
  if (!waiter.granted) co_return Permit();
  leave.taken = true;
  co_return Permit(*this, waiter.network);
}

void FairSemaphore::Release(const std::string& network) {
  const auto holder = held_.find(network);
  if (--holder->second == 0) held_.erase(holder);
  // min_element takes the first of equals: who has waited longest.
  const auto next =
      std::ranges::min_element(queue_, {}, [this](const Waiter* waiter) { return held(waiter->network); });
  if (next == queue_.end()) {
    ++free_;
    return;
  }
  Waiter& waiter = **next;
  queue_.erase(next);
  ++held_[waiter.network];
  waiter.granted = true;
  waiter.timer.cancel();
}

std::optional<FairSemaphore::Clock::time_point> FairSemaphore::waiting_since() const {
  if (queue_.empty()) return std::nullopt;
  return queue_.front()->since;
}

std::size_t FairSemaphore::held(const std::string& network) const {
  const auto holder = held_.find(network);
  return holder == held_.end() ? 0 : holder->second;
}

}  // namespace pgtls::front
