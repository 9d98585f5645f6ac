// Turns at the workers, fair between clients.
#pragma once

#include <asio.hpp>
#include <chrono>
#include <cstddef>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace pgtls::http {

// So many turns. One that comes free goes to the client network that holds the fewest, and of its requests to the one
// that has waited longest: however many ask from one place, they keep nobody out who asks from another. Used on one
// executor.
class Turns {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Turns(std::size_t count) : free_(count) {}
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;

  // A turn that is held; given back at the end of its life.
  class Turn {
   public:
    Turn() = default;
    Turn(Turn&& other) noexcept : turns_(std::exchange(other.turns_, nullptr)), network_(std::move(other.network_)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (turns_ != nullptr) turns_->Release(network_);
    }
    explicit operator bool() const { return turns_ != nullptr; }

   private:
    friend class Turns;
    Turn(Turns& turns, std::string network) : turns_(&turns), network_(std::move(network)) {}
    Turns* turns_ = nullptr;
    std::string network_;
  };

  // Not a turn (false) where none came free before `deadline`. Throws operation_aborted when cancelled.
  asio::awaitable<Turn> Acquire(asio::any_io_executor executor, std::string network, Clock::time_point deadline);

  std::size_t waiting() const { return queue_.size(); }
  // Since when whoever waits longest does; nullopt: nobody waits.
  std::optional<Clock::time_point> waiting_since() const;
  // How many turns `network` holds.
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

}  // namespace pgtls::http
