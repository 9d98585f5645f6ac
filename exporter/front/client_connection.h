// One client's connection to the front.
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

// What all connections of a front share. Used on its executor.
struct FrontShared {
  FrontLimits limits;
  Peers& peers;
  std::uint16_t inner_port = 0;
  std::shared_ptr<http::RequestCounter> counter;  // may be null
  // As many permits as workers: the front never has more connections to the inner server, so a request never waits in
  // CivetWeb's queue.
  FairSemaphore permits;
  access::Gate* gate = nullptr;
};

// Reads complete requests, passes each to the inner server over its own loopback connection, and sends the response at
// the client's speed; a large body is sent from memory instead of through the loopback connection. An incomplete
// request is not passed on, so a slow sender costs its socket and up to 80 KiB. A worker's permit is held while its
// response is written, not between requests.
class ClientConnection {
 public:
  using Clock = std::chrono::steady_clock;
  enum class Phase {
    kHead,        // waits for a handshake or a request
    kQueued,      // waits for a worker
    kServing,     // waits for its handler, or for access control
    kResponding,  // waits for the client to read
    kClosed,
  };

  ClientConnection(asio::ip::tcp::socket socket, FrontShared& shared);

  // Runs the connection to its end. `self` keeps it alive.
  static asio::awaitable<void> Run(std::shared_ptr<ClientConnection> self);
  // Call this regularly: bytes that the client's system acknowledged since the last call count as progress. The kernel
  // accepts more of a response only when a third of its buffer is free, which takes long on a slow path.
  void NoteProgress(Clock::time_point now);
  // Ends the connection: every wait returns. REQUIRES: not called from within Run().
  void Abort();
  asio::cancellation_signal& cancellation() { return cancellation_; }

  const std::string& network() const { return network_; }  // ClientNetwork()
  Phase phase() const { return phase_; }
  Clock::time_point since() const { return since_; }                  // of the phase
  Clock::time_point deadline() const { return deadline_; }            // the owner calls Abort() after it
  Clock::time_point last_progress() const { return last_progress_; }  // when the client last received data

 private:
  enum class Next { kRequest, kEnd };

  void Enter(Phase phase, std::chrono::milliseconds limit);
  asio::awaitable<void> Talk();
  asio::awaitable<std::optional<http::RequestHead>> ReadRequest();
  asio::awaitable<Next> Serve(const http::RequestHead& head);
  asio::awaitable<Next> Relay(const http::RequestHead& head, std::string request, FairSemaphore::Permit permit);
  // Copies the response from the loopback connection to the client. `begun`: data was received.
  enum class Carried {
    kAll,         // up to the worker's end
    kPart,        // the request did not reach the worker, or the connection broke
    kClientGone,  // the client closed the connection
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
  std::string received_;  // the current request as far as received, and data after it
  Phase phase_ = Phase::kHead;
  Clock::time_point since_;
  Clock::time_point deadline_;
  Clock::time_point last_progress_;
  int unacknowledged_ = 0;  // bytes written, and not acknowledged by the client's TCP at the last NoteProgress()
};

}  // namespace pgtls::front
