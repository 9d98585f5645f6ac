// Threads for blocking work: name resolution and libpq's connect steps, files, PKCS#12, bcrypt.
#pragma once

#include <asio.hpp>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "exporter/base/completion.h"
#include "exporter/base/deadline.h"

namespace pgtls {

// A small thread pool. Work that is abandoned (its awaiting coroutine was cancelled, or the pool was destroyed) still
// runs to its end, so it must own everything that it uses. Run() and RunWaiting() are called on an executor's thread;
// the work runs on a thread of the pool.
class BlockingPool {
 public:
  // Starts `threads` threads for Run(), and as many for RunWaiting() at its first call.
  explicit BlockingPool(std::size_t threads);
  ~BlockingPool();  // Close()
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;

  // Returns the result of `work`, or throws its exception; throws operation_aborted at once when cancelled.
  template <typename F>
  asio::awaitable<std::invoke_result_t<F>> Run(F work) {
    return RunOn(busy_, std::move(work), nullptr);
  }

  // Like Run(), for work that waits for other machines instead of computing: name resolution, libpq's connect steps. It
  // has separate threads. If work takes longer than kWait, another thread is started in its place, up to 64. `waits`,
  // if set, is called on the executor after kWait, and again after each further kWait.
  static constexpr std::chrono::milliseconds kWait{250};
  template <typename F>
  asio::awaitable<std::invoke_result_t<F>> RunWaiting(F work, std::function<void()> waits = {}) {
    if (!waits) waits = [] {};
    return RunOn(waiting_, std::move(work), std::move(waits));
  }

  // No completion is delivered after this. Returns true if every thread was joined. False means that a thread is
  // blocked in its work (a name that does not resolve) and was abandoned: the process must then exit without running
  // static destructors.
  bool Close();

 private:
  struct Shared;
  struct Ticket;
  // `waits`: null for Run().
  template <typename F>
  static asio::awaitable<std::invoke_result_t<F>> RunOn(std::shared_ptr<Shared> shared, F work,
                                                        std::function<void()> waits);
  // Queues `work`; `done` is posted to `executor` after it. If the pool is closed, both are destroyed without being
  // run.
  static std::shared_ptr<Ticket> Submit(Shared& shared, asio::any_io_executor executor, std::function<void()> work,
                                        std::function<void()> done);
  // Whether this work has been running for kWait; another thread is then started in place of its own.
  static bool Waits(Shared& shared, const std::shared_ptr<Ticket>& ticket);
  static void Abandon(Shared& shared, const std::shared_ptr<Ticket>& ticket);
  std::shared_ptr<Shared> busy_;
  std::shared_ptr<Shared> waiting_;
};

template <typename F>
asio::awaitable<std::invoke_result_t<F>> BlockingPool::RunOn(std::shared_ptr<Shared> shared, F work,
                                                             std::function<void()> waits) {
  using Result = std::invoke_result_t<F>;
  struct Job {  // owned by the work too, which may outlive everything else
    F work;
    std::conditional_t<std::is_void_v<Result>, std::optional<bool>, std::optional<Result>> value;
    std::exception_ptr error;
  };
  struct Signal {  // owned by this coroutine alone: its timer must not outlive the executor
    asio::steady_timer timer;
    bool done = false;
  };
  auto executor = co_await asio::this_coro::executor;
  std::shared_ptr<Job> job(new Job{std::move(work), {}, {}});
  std::shared_ptr<Signal> signal(new Signal{asio::steady_timer(executor, Deadline::max())});
  std::function<void()> run = [job] {
    try {
      if constexpr (std::is_void_v<Result>) {
        job->work();
        job->value = true;
      } else {
        job->value.emplace(job->work());
      }
    } catch (...) {
      job->error = std::current_exception();
    }
  };
  std::function<void()> done = [weak = std::weak_ptr<Signal>(signal)] {
    if (const auto waiting = weak.lock()) {
      waiting->done = true;
      waiting->timer.cancel();
    }
  };
  const auto ticket = Submit(*shared, executor, std::move(run), std::move(done));
  while (!signal->done) {
    const auto cancelled = (co_await asio::this_coro::cancellation_state).cancelled();
    if (cancelled != asio::cancellation_type::none) {
      Abandon(*shared, ticket);
      throw std::system_error(asio::error::operation_aborted);
    }
    if (waits) signal->timer.expires_after(kWait);
    const auto [cut_short] = co_await signal->timer.async_wait(kAsTuple);
    if (waits && !cut_short && !signal->done && Waits(*shared, ticket)) waits();
  }
  if (job->error) std::rethrow_exception(job->error);
  if constexpr (!std::is_void_v<Result>) co_return std::move(*job->value);
}

}  // namespace pgtls
