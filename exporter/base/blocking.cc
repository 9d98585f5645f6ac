#include "exporter/base/blocking.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace pgtls {

struct BlockingPool::Shared {
  struct Item {
    asio::any_io_executor executor;
    std::function<void()> work;
    std::function<void()> done;
  };

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Item> queue;
  std::vector<std::thread> threads;
  std::size_t running = 0;  // threads that have not left their loop
  bool closed = false;

  void Loop() {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [&] { return closed || !queue.empty(); });
      if (closed) break;
      Item item = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      item.work();
      // Freed before the lock is taken and away from the loop: what the work owns may itself be slow to free.
      item.work = nullptr;
      lock.lock();
      // Under the lock, so that Close() is a border: the executor may be gone behind it.
      if (!closed) asio::post(item.executor, std::move(item.done));
    }
    --running;
    changed.notify_all();
  }
};

BlockingPool::BlockingPool(std::size_t threads) : shared_(std::make_shared<Shared>()) {
  shared_->running = threads;
  for (std::size_t i = 0; i < threads; ++i) {
    shared_->threads.emplace_back([shared = shared_] { shared->Loop(); });
  }
}

BlockingPool::~BlockingPool() { Close(); }

void BlockingPool::Submit(asio::any_io_executor executor, std::function<void()> work, std::function<void()> done) {
  const std::lock_guard lock(shared_->mutex);
  if (shared_->closed) return;
  shared_->queue.push_back({std::move(executor), std::move(work), std::move(done)});
  shared_->changed.notify_one();
}

bool BlockingPool::Close() {
  std::deque<Shared::Item> dropped;
  std::unique_lock lock(shared_->mutex);
  shared_->closed = true;
  dropped.swap(shared_->queue);
  shared_->changed.notify_all();
  // Work in progress is almost always a matter of milliseconds; only a hanging resolver is not waited for.
  const bool all = shared_->changed.wait_for(lock, std::chrono::milliseconds(200), [&] { return shared_->running == 0; });
  auto threads = std::move(shared_->threads);
  lock.unlock();
  for (auto& thread : threads) {
    if (all) {
      thread.join();
    } else {
      thread.detach();
    }
  }
  return all;
}

}  // namespace pgtls
