// Snapshots of sessions while the exporter is logging in somewhere.
#pragma once

#include <asio.hpp>
#include <chrono>
#include <functional>

#include "exporter/base/deadline.h"

namespace pgtls::sampling {

// Asks for a snapshot, and repeats that while `unsure` is set: one of the sessions may be of a login in progress
// (OwnBackends::Owner::kUnsure). A login that takes longer than a second is counted rather than waited for.
template <typename T>
asio::awaitable<T> AskUntilSure(std::function<asio::awaitable<T>()> ask, Deadline deadline) {
  constexpr int kMostTries = 6;
  constexpr std::chrono::milliseconds kPause{200};
  for (int tries = 1;; ++tries) {
    T snapshot = co_await ask();
    if (!snapshot.unsure || tries == kMostTries || After(kPause) >= deadline) co_return snapshot;
    asio::steady_timer pause(co_await asio::this_coro::executor, kPause);
    co_await pause.async_wait(asio::use_awaitable);
  }
}

}  // namespace pgtls::sampling
