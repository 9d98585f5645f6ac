// One client of the front.
#pragma once

#include <asio.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "exporter/access/gate.h"
#include "exporter/front/fair_semaphore.h"
#include "exporter/front/limits.h"
#include "exporter/front/peers.h"
#include "exporter/front/transport.h"
#include "exporter/http/message.h"
#include "exporter/http/request_counter.h"
#include "exporter/http/request_head.h"

namespace pgtls::front {

// What the connections of one front share. Used on its executor.
struct FrontShared {
  FrontLimits limits;
  Peers& peers;
  std::uint16_t inner_port = 0;
  std::shared_ptr<http::RequestCounter> counter;  // may be null
  // As many as there are workers: the front never has more connections to the inner server than that, so a request in
  // CivetWeb's queue waits for nobody.
  FairSemaphore permits;
  access::Gate* gate = nullptr;
};

// Reads whole requests, takes each to the inner server over a loopback connection of its own, and carries the response
// back at the client's pace: a large body from where it lies, in place of through the loopback connection. Nothing of a
// request goes further before all of it has come, so a slow sender costs its socket and up to 80 KiB; a worker's
// slot is held while its response is written, not between requests.
class ClientConnection {
 public:
  using Clock = std::chrono::steady_clock;
  enum class Phase {
    kHead,        // waits for a handshake or a request
    kQueued,      // waits for a worker
    kServing,     // waits for its handler, or for whether it may pass
    kResponding,  // waits for the client to read
    kClosed,
  };

  ClientConnection(asio::ip::tcp::socket socket, FrontShared& shared);

  // The connection's life. `self` keeps it.
  static asio::awaitable<void> Run(std::shared_ptr<ClientConnection> self);
  // To be called from time to time: what the client's system has acknowledged since the last call is progress too. The
  // kernel takes more of a response only when a third of its buffer is free, which on a slow path takes long.
  void NoteProgress(Clock::time_point now);
  // Ends it: every wait returns. Not to be called from within Run().
  void Abort();
  asio::cancellation_signal& cancellation() { return cancellation_; }

  const std::string& network() const { return network_; }  // ClientNetwork()
  Phase phase() const { return phase_; }
  Clock::time_point since() const { return since_; }        // of the phase
  Clock::time_point deadline() const { return deadline_; }  // whoever owns the connection calls Abort() after it
  Clock::time_point last_progress() const { return last_progress_; }  // when the client last took something

 private:
  enum class Next { kRequest, kEnd };

  void Enter(Phase phase, std::chrono::milliseconds limit);
  asio::awaitable<void> Talk();
  asio::awaitable<std::optional<http::RequestHead>> ReadRequest();
  asio::awaitable<Next> Serve(const http::RequestHead& head);
  asio::awaitable<Next> Relay(const http::RequestHead& head, std::string request, FairSemaphore::Permit permit);
  // What comes over the loopback connection, to the client. `begun`: something came.
  enum class Carried {
    kAll,         // up to the worker's end
    kPart,        // the request did not reach the worker, or the connection broke
    kClientGone,  // nobody reads any more
  };
  asio::awaitable<Carried> CarryFromWorker(const std::shared_ptr<Peer>& peer, std::string request, bool& begun);
  asio::awaitable<bool> SendRequest(std::string_view request, std::uint16_t port);
  asio::awaitable<void> Refuse(http::Response response, bool head_only);
  asio::awaitable<bool> Write(std::string_view text);

  FrontShared& shared_;
  Transport transport_;
  const std::string network_;
  asio::ip::tcp::socket inner_;
  asio::cancellation_signal cancellation_;
  std::string received_;  // of the request that is coming, and what was sent after it
  Phase phase_ = Phase::kHead;
  Clock::time_point since_;
  Clock::time_point deadline_;
  Clock::time_point last_progress_;
  int unacknowledged_ = 0;  // bytes written that the client's TCP had not acknowledged at the last NoteProgress()
};

}  // namespace pgtls::front
