// Deadlines for all waits.
#pragma once

#include <asio.hpp>
#include <asio/experimental/parallel_group.hpp>
#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "exporter/base/completion.h"
#include "exporter/base/error.h"

namespace pgtls {

// A point on the monotonic clock, not a duration, so that nested waits share the remaining time.
using Deadline = std::chrono::steady_clock::time_point;

inline Deadline After(std::chrono::nanoseconds duration) { return std::chrono::steady_clock::now() + duration; }

// Whether the exception means that this coroutine was cancelled from outside. That is not a failure of its work, and
// must be passed on.
inline bool IsCancellation(const std::exception& error) {
  const auto* system = dynamic_cast<const std::system_error*>(&error);
  return system != nullptr && system->code() == asio::error::operation_aborted;
}

namespace internal {

// The outcome of a coroutine as a value. `a || b` of Asio waits for the first *success*: it would hold an exception
// back until the timer has expired, and report a timeout.
template <typename T>
struct Outcome {
  std::exception_ptr error;
  std::optional<T> value;
};
template <>
struct Outcome<void> {
  std::exception_ptr error;
};

template <typename T>
asio::awaitable<Outcome<T>> Caught(asio::awaitable<T> work) {
  Outcome<T> outcome;
  try {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(work);
    } else {
      outcome.value.emplace(co_await std::move(work));
    }
  } catch (...) {
    outcome.error = std::current_exception();
  }
  co_return outcome;
}

}  // namespace internal

// Runs `work`. If the deadline comes first, cancels the work at its current wait and throws
// TimeoutError("<what>: no answer in time"). An exception of the work is rethrown at once. This is the only place
// that races a wait against a timer.
template <typename T>
asio::awaitable<T> Within(Deadline deadline, std::string what, asio::awaitable<T> work) {
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, deadline);
  auto guarded = internal::Caught<T>(std::move(work));
  auto race = asio::experimental::make_parallel_group(asio::co_spawn(executor, std::move(guarded), deferred),
                                                      timer.async_wait(deferred));
  // The first to end cancels the other; both have ended when this returns. A cancelled timer (by the end of the work,
  // or from outside) returns an error code.
  auto [order, spawn_error, outcome, waited] =
      co_await race.async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
  if (order[0] == 1 && !waited) throw TimeoutError(what + ": no answer in time");
  if (spawn_error) std::rethrow_exception(spawn_error);
  if (outcome.error) std::rethrow_exception(outcome.error);
  if constexpr (!std::is_void_v<T>) co_return std::move(*outcome.value);
}

}  // namespace pgtls
