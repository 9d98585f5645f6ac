// FairSemaphore at the workers, fair between clients.
#pragma once

#include <asio.hpp>
#include <chrono>
#include <cstddef>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace pgtls::front {

// `count` permits. A freed one goes to the client network that holds the fewest, and of its requests to the oldest:
// many requests from one network cannot starve another. Used on one executor.
class FairSemaphore {
 public:
  using Clock = std::chrono::steady_clock;

  explicit FairSemaphore(std::size_t count) : free_(count) {}
  FairSemaphore(const FairSemaphore&) = delete;
  FairSemaphore& operator=(const FairSemaphore&) = delete;

  // Released by its destructor.
  class Permit {
   public:
    Permit() = default;
    Permit(Permit&& other) noexcept
        : semaphore_(std::exchange(other.semaphore_, nullptr)), network_(std::move(other.network_)) {}
    Permit& operator=(Permit&&) = delete;
    ~Permit() {
      if (semaphore_ != nullptr) semaphore_->Release(network_);
    }
    explicit operator bool() const { return semaphore_ != nullptr; }

   private:
    friend class FairSemaphore;
    Permit(FairSemaphore& semaphore, std::string network) : semaphore_(&semaphore), network_(std::move(network)) {}
    FairSemaphore* semaphore_ = nullptr;
    std::string network_;
  };

  // False where none came free before `deadline`. Throws operation_aborted when cancelled.
  asio::awaitable<Permit> Acquire(asio::any_io_executor executor, std::string network, Clock::time_point deadline);

  std::size_t waiting() const { return queue_.size(); }
  // Since when the oldest request in the queue waits; nullopt: the queue is empty.
  std::optional<Clock::time_point> waiting_since() const;
  // How many permits `network` holds.
  std::size_t held(const std::string& network) const;

 private:
  struct Waiter {
    asio::steady_timer timer;
    Clock::time_point since;
    std::string network;
    bool granted = false;
  };
  void Release(const std::string& network);

  std::size_t free_;
  std::map<std::string, std::size_t> held_;  // by network; none of them 0
  std::list<Waiter*> queue_;                 // in the order of asking
};

}  // namespace pgtls::front
