#include "exporter/base/deadline.h"

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

asio::awaitable<int> Value() { co_return 5; }

asio::awaitable<int> Throws() {
  co_await asio::post(asio::use_awaitable);
  throw std::domain_error("its own error");
}

asio::awaitable<void> Forever(bool& cancelled) {
  asio::steady_timer timer(co_await asio::this_coro::executor, Deadline::max());
  try {
    co_await timer.async_wait(asio::use_awaitable);
  } catch (const std::system_error&) {
    cancelled = true;
    throw;
  }
}

TEST(WithinTest, ReturnsTheValue) { EXPECT_EQ(RunOnLoop(Within(Deadline::max(), "value", Value())), 5); }

// The deadline never comes: if the error were turned into a timeout, this would not end.
TEST(WithinTest, AnErrorIsThatErrorAndComesAtOnce) {
  EXPECT_THROW(RunOnLoop(Within(Deadline::max(), "throws", Throws())), std::domain_error);
}

TEST(WithinTest, TheDeadlineCancelsTheWorkAndNamesIt) {
  bool cancelled = false;
  try {
    RunOnLoop(Within(After(std::chrono::milliseconds(1)), "query sessions", Forever(cancelled)));
    FAIL() << "no TimeoutError";
  } catch (const TimeoutError& error) {
    EXPECT_STREQ(error.what(), "query sessions: no answer in time");
    EXPECT_EQ(error.reason(), FailureReason::kTimeout);
  }
  EXPECT_TRUE(cancelled);
}

}  // namespace
}  // namespace pgtls
