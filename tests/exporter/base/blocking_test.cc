#include "exporter/base/blocking.h"

#include <gtest/gtest.h>

#include <future>
#include <stdexcept>
#include <vector>

#include "exporter/base/deadline.h"

namespace pgtls {
namespace {

// Runs a coroutine to its end on a loop of its own.
template <typename T>
T RunOnLoop(asio::io_context& loop, asio::awaitable<T> work) {
  auto result = asio::co_spawn(loop, std::move(work), asio::use_future);
  loop.run();
  loop.restart();
  return result.get();
}

TEST(BlockingPoolTest, ReturnsTheResult) {
  asio::io_context loop;
  BlockingPool pool(2);
  EXPECT_EQ(RunOnLoop(loop, pool.Run([] { return 42; })), 42);
}

TEST(BlockingPoolTest, CarriesTheException) {
  asio::io_context loop;
  BlockingPool pool(1);
  EXPECT_THROW(RunOnLoop(loop, pool.Run([]() -> int { throw std::domain_error("no"); })), std::domain_error);
}

asio::awaitable<int> TimedOutThenNext(BlockingPool& pool, std::shared_future<void> gate, int hanging) {
  for (int i = 0; i < hanging; ++i) {
    auto work = pool.Run([gate] { gate.wait(); });
    auto bounded = Within(After(std::chrono::milliseconds(20)), "hanging", std::move(work));
    bool timed_out = false;
    try {
      co_await std::move(bounded);
    } catch (const TimeoutError&) {
      timed_out = true;
    }
    if (!timed_out) co_return -1;
  }
  // More than there are threads: none of these may take the place of one that hangs.
  for (int i = 0; i < 8; ++i) co_await pool.Run([] {});
  co_return co_await pool.Run([] { return 7; });
}

TEST(BlockingPoolTest, WorkThatHangsDoesNotUseUpThePool) {
  asio::io_context loop;
  BlockingPool pool(2);
  std::promise<void> gate;
  EXPECT_EQ(RunOnLoop(loop, TimedOutThenNext(pool, gate.get_future().share(), 5)), 7);
  gate.set_value();
  EXPECT_TRUE(pool.Close());
}

// Nobody abandons it, for its deadline is far: whoever comes after it does not wait for that.
TEST(BlockingPoolTest, WorkThatWaitsHoldsNobodyUp) {
  asio::io_context loop;
  BlockingPool pool(2);
  std::promise<void> gate;
  const std::shared_future<void> opened = gate.get_future().share();
  std::vector<std::future<void>> waiting;
  int calls = 0;
  for (int i = 0; i < 5; ++i) {
    auto work = pool.RunWaiting([opened] { opened.wait(); }, [&calls] { ++calls; });
    waiting.push_back(asio::co_spawn(loop, std::move(work), asio::use_future));
  }
  auto busy = asio::co_spawn(loop, pool.Run([] { return 1; }), asio::use_future);
  auto last = asio::co_spawn(loop, pool.RunWaiting([] { return 2; }), asio::use_future);
  const auto ready = [](const auto& future) {
    return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  };
  const Deadline limit = After(std::chrono::seconds(30));
  while ((!ready(busy) || !ready(last)) && std::chrono::steady_clock::now() < limit) {
    loop.run_one_for(std::chrono::milliseconds(20));
  }
  ASSERT_TRUE(ready(busy) && ready(last));
  EXPECT_EQ(busy.get() + last.get(), 3);
  for (const auto& future : waiting) EXPECT_FALSE(ready(future));
  EXPECT_GE(calls, 4) << "as many had to give way for the last one";
  gate.set_value();
  loop.run();
  for (auto& future : waiting) future.get();
  EXPECT_TRUE(pool.Close());
}

TEST(BlockingPoolTest, CloseTellsThatWorkHangs) {
  asio::io_context loop;
  auto pool = std::make_unique<BlockingPool>(1);
  std::promise<void> gate;
  std::promise<void> started;
  auto work = pool->Run([gate = gate.get_future().share(), &started] {
    started.set_value();
    gate.wait();
  });
  asio::co_spawn(loop, std::move(work), asio::detached);
  loop.poll();
  started.get_future().wait();
  EXPECT_FALSE(pool->Close());
  gate.set_value();
}

}  // namespace
}  // namespace pgtls
