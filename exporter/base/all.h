// Several coroutines at once.
#pragma once

#include <asio.hpp>
#include <asio/experimental/parallel_group.hpp>
#include <span>
#include <utility>
#include <vector>

#include "exporter/base/deadline.h"

namespace pgtls {

namespace internal {

template <typename T>
asio::awaitable<void> RunAll(std::span<asio::awaitable<T>> works, std::span<Outcome<T>> outcomes) {
  if (works.empty()) co_return;
  if (works.size() == 1) {
    outcomes[0] = co_await Caught<T>(std::move(works[0]));
    co_return;
  }
  const auto executor = co_await asio::this_coro::executor;
  const std::size_t half = works.size() / 2;
  auto first = RunAll<T>(works.first(half), outcomes.first(half));
  auto second = RunAll<T>(works.subspan(half), outcomes.subspan(half));
  // Asio 1.22 has groups of a fixed size only.
  auto both = asio::experimental::make_parallel_group(asio::co_spawn(executor, std::move(first), deferred),
                                                      asio::co_spawn(executor, std::move(second), deferred));
  co_await both.async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);
}

}  // namespace internal

// Runs all of `works` on this coroutine's executor, and returns what each returned or threw, in their order. Ends when
// all have ended. A cancellation from outside cancels each at its current wait, and is thrown.
template <typename T>
asio::awaitable<std::vector<internal::Outcome<T>>> All(std::vector<asio::awaitable<T>> works) {
  std::vector<internal::Outcome<T>> outcomes(works.size());
  co_await internal::RunAll<T>(works, outcomes);
  const auto cancelled = co_await asio::this_coro::cancellation_state;
  if (cancelled.cancelled() != asio::cancellation_type::none) throw std::system_error(asio::error::operation_aborted);
  co_return outcomes;
}

}  // namespace pgtls
