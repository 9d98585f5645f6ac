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

// Threads beyond a set's own that stand in for hanging ones.
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
  std::size_t running = 0;    // threads that have not left their loop
  std::size_t stand_ins = 0;  // threads that hang and are stood in for; they leave when they are free
  bool closed = false;

  // False where the system gives no thread (a limit of processes, no memory). REQUIRES: mutex is held.
  bool StartThread() {
    try {
      // Detached: one that hangs in its work can never be joined. All that a thread uses, it owns through `shared`.
      std::thread([shared = shared_from_this()] { shared->Loop(); }).detach();
    } catch (const std::system_error&) {
      return false;
    }
    ++running;
    return true;
  }

  // One thread in place of the one that is in this work, once. REQUIRES: mutex is held.
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
      // Freed before the lock is taken and away from the loop: what the work owns may itself be slow to free.
      item.work = nullptr;
      lock.lock();
      // Under the lock, so that Close() is a border: the executor may be gone behind it.
      if (!closed && item.ticket->state == Ticket::State::kRunning) asio::post(item.executor, std::move(item.done));
      item.ticket->state = Ticket::State::kOver;
      // Another has taken its place. Only now: a thread that left sooner would leave the place of one that still hangs.
      if (item.ticket->stood_in) {
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

BlockingPool::BlockingPool(std::size_t threads)
    : busy_(std::make_shared<Shared>(threads)), waiting_(std::make_shared<Shared>(threads)) {}

BlockingPool::~BlockingPool() { Close(); }

std::shared_ptr<BlockingPool::Ticket> BlockingPool::Submit(Shared& shared, asio::any_io_executor executor,
                                                           std::function<void()> work, std::function<void()> done) {
  auto ticket = std::make_shared<Ticket>();
  const std::lock_guard lock(shared.mutex);
  if (shared.closed) return ticket;
  // With the first work; and again, where the system gave fewer then.
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
    // Work in progress is almost always a matter of milliseconds; only a hanging resolver is not waited for.
    all_left &= shared->changed.wait_for(lock, std::chrono::milliseconds(200), [&] { return shared->running == 0; });
  }
  return all_left;
}

}  // namespace pgtls
