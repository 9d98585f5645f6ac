// What befalls the servers of a soak: everything that happens to real ones, at random, seeded.
#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "tests/bench/exporter.h"
#include "tests/bench/fleet.h"
#include "tests/bench/soak_spans.h"

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
  kReconfigure,     // the exporter reads another policy
};
inline constexpr int kBlows = 11;
inline constexpr std::array<const char*, kBlows> kBlowNames = {"kill -9",
                                                               "stop",
                                                               "freeze",
                                                               "a backend killed",
                                                               "terminated",
                                                               "new certificate",
                                                               "another authority's certificate",
                                                               "a wrong key",
                                                               "reload",
                                                               "client reopened",
                                                               "exporter reconfigured"};

class Storm {
 public:
  // `configurations` are two for the exporter that differ in their policy. Opens an unencrypted client of the user
  // `plain` on each cluster.
  Storm(const Fleet& fleet, Exporter& exporter, std::array<std::string, 2> configurations, History& history,
        unsigned seed);

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
    std::optional<Spans::Id> span;  // of the held client
  };

  void Strike(std::size_t index, Blow blow);
  void Recover(std::size_t index);
  // A certificate of the fleet's authority, or of another, in force when it returns.
  void Install(std::size_t index, bool trusted);
  void OpenHeld(std::size_t index);
  void CloseHeld(std::size_t index);
  void Out(std::size_t index, State state);
  // The blows come in rounds, each once in a round: none is missing from a short storm.
  Blow NextBlow();
  Clock::time_point Later();
  Clock::time_point MuchLater();

  const Fleet& fleet_;
  Exporter& exporter_;
  std::array<std::string, 2> configurations_;
  History& history_;
  std::mt19937 random_;
  std::vector<Cluster> clusters_;
  std::vector<Blow> round_;
  std::array<int, kBlows> counts_{};
  int downs_ = 0;  // the first of a storm, and every sixth, is a long one
};

}  // namespace pgtls::bench
