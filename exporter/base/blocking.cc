#include "exporter/base/blocking.h"

#include <openssl/crypto.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>

namespace pgtls {
namespace {

// Threads that replace blocked ones, in addition to a set's own.
constexpr std::size_t kMaxStandIns = 64;

}  // namespace

// Guarded by Shared::mutex.
struct BlockingPool::Ticket {
  enum class State { kQueued, kRunning, kOver } state = State::kQueued;
  std::chrono::steady_clock::time_point since;  // in kRunning
  bool stood_in = false;
};

// Threads with one queue.
struct BlockingPool::Shared : std::enable_shared_from_this<BlockingPool::Shared> {
  struct Item {
    std::shared_ptr<Ticket> ticket;
    asio::any_io_executor executor;
    std::function<void()> work;
    std::function<void()> done;
  };

  explicit Shared(std::size_t count) : threads(count) {}

  const std::size_t threads;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Item> queue;
  std::size_t running = 0;    // threads that are in their loop
  std::size_t stand_ins = 0;  // blocked threads that have a replacement; they end when their work ends
  bool closed = false;

  // Returns false if the system cannot start a thread (a limit of processes, no memory). REQUIRES: mutex is held.
  bool StartThread() {
    try {
      // Detached, because a blocked thread can never be joined. A thread owns everything that it uses through `shared`.
      std::thread([shared = shared_from_this()] { shared->Loop(); }).detach();
    } catch (const std::system_error&) {
      return false;
    }
    ++running;
    return true;
  }

  // Starts one thread in place of the one that is blocked in this work, once. REQUIRES: mutex is held.
  void StandIn(Ticket& ticket) {
    if (ticket.stood_in || closed || stand_ins >= kMaxStandIns || !StartThread()) return;
    ticket.stood_in = true;
    ++stand_ins;
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
      item.ticket->since = std::chrono::steady_clock::now();
      lock.unlock();
      item.work();
      // Destroyed before the lock is taken, and not on the loop: destroying what the work owns may be slow.
      item.work = nullptr;
      lock.lock();
      // Under the lock, so that nothing is posted after Close(): the executor may no longer exist then.
      if (!closed && item.ticket->state == Ticket::State::kRunning) asio::post(item.executor, std::move(item.done));
      item.ticket->state = Ticket::State::kOver;
      // Another thread has replaced this one. It ends only now: ending sooner would free the place of a thread that is
      // still blocked.
      if (item.ticket->stood_in) {
        --stand_ins;
        break;
      }
    }
    // Here and not at the thread's exit: the process may exit first, and libcrypto would be destroyed while it is used.
    lock.unlock();
    OPENSSL_thread_stop();
    lock.lock();
    --running;
    changed.notify_all();
  }
};

BlockingPool::BlockingPool(std::size_t threads)
    : busy_(std::make_shared<Shared>(threads)), waiting_(std::make_shared<Shared>(threads)) {}

BlockingPool::~BlockingPool() { Close(); }

std::shared_ptr<BlockingPool::Ticket> BlockingPool::Submit(Shared& shared, asio::any_io_executor executor,
                                                           std::function<void()> work, std::function<void()> done) {
  auto ticket = std::make_shared<Ticket>();
  const std::lock_guard lock(shared.mutex);
  if (shared.closed) return ticket;
  // At the first work, and again if the system could not start all of them.
  while (shared.running - shared.stand_ins < shared.threads && shared.StartThread()) {
  }
  shared.queue.push_back({ticket, std::move(executor), std::move(work), std::move(done)});
  shared.changed.notify_one();
  return ticket;
}

bool BlockingPool::Waits(Shared& shared, const std::shared_ptr<Ticket>& ticket) {
  const std::lock_guard lock(shared.mutex);
  if (ticket->state != Ticket::State::kRunning) return false;
  if (std::chrono::steady_clock::now() - ticket->since < kWait) return false;
  shared.StandIn(*ticket);
  return true;
}

void BlockingPool::Abandon(Shared& shared, const std::shared_ptr<Ticket>& ticket) {
  const std::lock_guard lock(shared.mutex);
  if (ticket->state == Ticket::State::kRunning) shared.StandIn(*ticket);
  ticket->state = Ticket::State::kOver;
}

bool BlockingPool::Close() {
  bool all_left = true;
  for (Shared* const shared : {busy_.get(), waiting_.get()}) {
    std::deque<Shared::Item> dropped;
    std::unique_lock lock(shared->mutex);
    shared->closed = true;
    dropped.swap(shared->queue);
    shared->changed.notify_all();
    // Work in progress almost always ends within milliseconds; a blocked resolver is not waited for.
    all_left &= shared->changed.wait_for(lock, std::chrono::milliseconds(200), [&] { return shared->running == 0; });
  }
  return all_left;
}

}  // namespace pgtls
