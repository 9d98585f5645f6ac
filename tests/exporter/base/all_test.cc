#include "exporter/base/all.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace pgtls {
namespace {

template <typename T>
T RunOnLoop(asio::awaitable<T> work) {
  asio::io_context loop;
  auto result = asio::co_spawn(loop, std::move(work), asio::use_future);
  loop.run();
  return result.get();
}

// Each one waits for the next: they end only if all of them run.
asio::awaitable<int> After(asio::steady_timer& before, asio::steady_timer& own, int value) {
  co_await before.async_wait(kAsTuple);
  own.cancel();
  if (value == 1) throw std::domain_error("its own error");
  co_return value;
}

asio::awaitable<int> Forever(int& cancelled) {
  asio::steady_timer timer(co_await asio::this_coro::executor, Deadline::max());
  try {
    co_await timer.async_wait(asio::use_awaitable);
  } catch (const std::system_error&) {
    ++cancelled;
    throw;
  }
  co_return 0;
}

asio::awaitable<std::vector<internal::Outcome<int>>> AllOfThem(std::size_t number) {
  const auto executor = co_await asio::this_coro::executor;
  std::vector<std::unique_ptr<asio::steady_timer>> timers;
  for (std::size_t i = 0; i <= number; ++i) {
    timers.push_back(std::make_unique<asio::steady_timer>(executor, Deadline::max()));
  }
  timers[number]->expires_at(Deadline::min());  // the last one begins
  std::vector<asio::awaitable<int>> works;
  for (std::size_t i = 0; i < number; ++i) works.push_back(After(*timers[i + 1], *timers[i], static_cast<int>(i)));
  co_return co_await All(std::move(works));
}

TEST(AllTest, ReturnsWhatEachReturnedOrThrew) {
  for (const std::size_t number : {0U, 1U, 2U, 3U, 64U}) {
    const auto outcomes = RunOnLoop(AllOfThem(number));
    ASSERT_EQ(outcomes.size(), number);
    for (std::size_t i = 0; i < number; ++i) {
      EXPECT_EQ(outcomes[i].error != nullptr, i == 1) << i;
      if (i != 1) EXPECT_EQ(outcomes[i].value, static_cast<int>(i));
    }
  }
}

TEST(AllTest, TheDeadlineCancelsAll) {
  int cancelled = 0;
  std::vector<asio::awaitable<int>> works;
  for (int i = 0; i < 5; ++i) works.push_back(Forever(cancelled));
  const Deadline soon = std::chrono::steady_clock::now() + std::chrono::milliseconds(1);
  EXPECT_THROW(RunOnLoop(Within(soon, "all", All(std::move(works)))), TimeoutError);
  EXPECT_EQ(cancelled, 5);
}

// One alone is not a group.
TEST(AllTest, ACancellationIsThrown) {
  int cancelled = 0;
  bool thrown = false;
  const auto run = [](int& number, bool& out) -> asio::awaitable<void> {
    std::vector<asio::awaitable<int>> works;
    works.push_back(Forever(number));
    try {
      co_await All(std::move(works));
    } catch (const std::system_error& error) {
      out = IsCancellation(error);
      throw;
    }
  };
  const Deadline soon = std::chrono::steady_clock::now() + std::chrono::milliseconds(1);
  EXPECT_THROW(RunOnLoop(Within(soon, "one", run(cancelled, thrown))), TimeoutError);
  EXPECT_TRUE(thrown);
}

}  // namespace
}  // namespace pgtls
