#include "exporter/base/blocking.h"

#include <openssl/crypto.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace pgtls {
namespace {

// Threads beyond the pool's own that stand in for hanging ones.
constexpr std::size_t kMaxStandIns = 64;

}  // namespace

// Guarded by Shared::mutex.
struct BlockingPool::Ticket {
  enum class State { kQueued, kRunning, kOver } state = State::kQueued;
};

struct BlockingPool::Shared : std::enable_shared_from_this<BlockingPool::Shared> {
  struct Item {
    std::shared_ptr<Ticket> ticket;
    asio::any_io_executor executor;
    std::function<void()> work;
    std::function<void()> done;
  };

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Item> queue;
  std::size_t running = 0;    // threads that have not left their loop
  std::size_t stand_ins = 0;  // of these, started in place of one that hangs; the next one that is free leaves again
  bool closed = false;

  // REQUIRES: mutex is held, or nobody else knows this.
  void StartThread() {
    ++running;
    // Detached: one that hangs in its work can never be joined. All that a thread uses, it owns through `shared`.
    std::thread([shared = shared_from_this()] { shared->Loop(); }).detach();
  }

  void Loop() {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [&] { return closed || !queue.empty(); });
      if (closed) break;
      Item item = std::move(queue.front());
      queue.pop_front();
      if (item.ticket->state == Ticket::State::kOver) continue;
      item.ticket->state = Ticket::State::kRunning;
      lock.unlock();
      item.work();
      // Freed before the lock is taken and away from the loop: what the work owns may itself be slow to free.
      item.work = nullptr;
      lock.lock();
      // Under the lock, so that Close() is a border: the executor may be gone behind it.
      if (!closed && item.ticket->state == Ticket::State::kRunning) asio::post(item.executor, std::move(item.done));
      item.ticket->state = Ticket::State::kOver;
      if (stand_ins > 0) {
        --stand_ins;
        break;
      }
    }
    // Now and not at the thread's exit, which the process's end may overtake: libcrypto would be torn down under it.
    lock.unlock();
    OPENSSL_thread_stop();
    lock.lock();
    --running;
    changed.notify_all();
  }
};

BlockingPool::BlockingPool(std::size_t threads) : shared_(std::make_shared<Shared>()) {
  const std::lock_guard lock(shared_->mutex);
  for (std::size_t i = 0; i < threads; ++i) shared_->StartThread();
}

BlockingPool::~BlockingPool() { Close(); }

std::shared_ptr<BlockingPool::Ticket> BlockingPool::Submit(asio::any_io_executor executor, std::function<void()> work,
                                                           std::function<void()> done) {
  auto ticket = std::make_shared<Ticket>();
  const std::lock_guard lock(shared_->mutex);
  if (shared_->closed) return ticket;
  shared_->queue.push_back({ticket, std::move(executor), std::move(work), std::move(done)});
  shared_->changed.notify_one();
  return ticket;
}

void BlockingPool::Abandon(const std::shared_ptr<Ticket>& ticket) {
  const std::lock_guard lock(shared_->mutex);
  const bool hangs = ticket->state == Ticket::State::kRunning;
  ticket->state = Ticket::State::kOver;
  if (!hangs || shared_->closed || shared_->stand_ins >= kMaxStandIns) return;
  ++shared_->stand_ins;
  shared_->StartThread();
}

bool BlockingPool::Close() {
  std::deque<Shared::Item> dropped;
  std::unique_lock lock(shared_->mutex);
  shared_->closed = true;
  dropped.swap(shared_->queue);
  shared_->changed.notify_all();
  // Work in progress is almost always a matter of milliseconds; only a hanging resolver is not waited for.
  return shared_->changed.wait_for(lock, std::chrono::milliseconds(200), [&] { return shared_->running == 0; });
}

}  // namespace pgtls
