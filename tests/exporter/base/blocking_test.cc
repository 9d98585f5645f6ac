#include "exporter/base/blocking.h"

#include <gtest/gtest.h>

#include <future>
#include <stdexcept>

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
