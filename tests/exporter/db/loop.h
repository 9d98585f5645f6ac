// Runs a coroutine while the rest of its loop (scripted peers, timers) goes on.
#pragma once

#include <asio.hpp>
#include <chrono>
#include <future>
#include <optional>
#include <utility>

namespace pgtls::db::testing {

template <typename Future>
auto Await(asio::io_context& loop, Future future) {
  loop.restart();
  // The future may be made ready on another thread, after the loop's last work.
  while (future.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    loop.run_one_for(std::chrono::milliseconds(10));
  }
  return future.get();
}

template <typename T>
T RunOnLoop(asio::io_context& loop, asio::awaitable<T> work) {
  std::optional<T> value;  // a future of T would want a default constructor
  auto store = [](asio::awaitable<T> inner, std::optional<T>& result) -> asio::awaitable<void> {
    result.emplace(co_await std::move(inner));
  };
  Await(loop, asio::co_spawn(loop, store(std::move(work), value), asio::use_future));
  return std::move(*value);
}

}  // namespace pgtls::db::testing
