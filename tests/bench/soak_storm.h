// What befalls the servers of a soak: everything that happens to real ones, at random, seeded.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "tests/bench/fleet.h"
#include "tests/bench/soak_watch.h"

namespace pgtls::bench {

enum class Blow {
  kKill,            // SIGKILL to the postmaster and all its processes
  kStop,            // a fast shutdown, down for a while
  kFreeze,          // SIGSTOP, and SIGCONT a while later
  kKillBackend,     // SIGKILL to one backend: the server restarts by itself
  kTerminate,       // pg_terminate_backend for the exporter's connections
  kNewCertificate,  // another certificate of the same authority, and a reload
  kOtherAuthority,  // a certificate that the exporter must refuse, for a while
  kWrongKey,        // a key that does not belong to it: the server refuses the reload
  kReload,          // a reload with nothing new
  kReopenHeld,      // the held unencrypted client goes and comes
};
inline constexpr int kBlows = 10;

class Storm {
 public:
  Storm(Fleet& fleet, Held& held, unsigned seed);

  // One step: what is down comes back when its time is over, or a server is struck.
  void Step();
  // Everything comes back, with good certificates.
  void Calm();
  // How often each blow fell, in the order of Blow.
  const std::array<int, kBlows>& counts() const { return counts_; }

 private:
  using Clock = std::chrono::steady_clock;
  enum class State { kUp, kDown, kFrozen };
  struct Cluster {
    support::PostgresServer* server;
    State state = State::kUp;
    Clock::time_point back;                        // when it is not up
    std::optional<Clock::time_point> certificate;  // when a bad one is in place: its end
    std::unique_ptr<support::Client> held;
  };

  void Strike(std::size_t index, Blow blow);
  void Recover(std::size_t index);
  void GoodCertificate(Cluster& cluster);
  void OpenHeld(std::size_t index);
  void CloseHeld(std::size_t index);
  Clock::time_point Later();

  Fleet& fleet_;
  Held& held_;
  std::mt19937 random_;
  std::vector<Cluster> clusters_;
  std::array<int, kBlows> counts_{};
};

// Clients that come and go on every cluster, with and without TLS, until the destructor.
class Churn {
 public:
  Churn(const Fleet& fleet, unsigned seed);
  ~Churn();
  Churn(const Churn&) = delete;
  Churn& operator=(const Churn&) = delete;
  long opened() const { return opened_; }

 private:
  void Run(const support::PostgresServer& server, unsigned seed);

  std::atomic<bool> stop_{false};
  std::atomic<long> opened_{0};
  std::vector<std::thread> threads_;
};

}  // namespace pgtls::bench
