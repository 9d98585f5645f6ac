#include "exporter/front/front.h"

#include <algorithm>
#include <asio.hpp>
#include <chrono>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <utility>

#include "exporter/base/completion.h"
#include "exporter/base/log.h"
#include "exporter/front/client_connection.h"
#include "exporter/front/listener.h"

namespace pgtls::front {
namespace {

constexpr std::chrono::milliseconds kSweep{250};
// How long a client may read nothing while requests wait for a worker: several round trips of a slow path, with a lost
// packet.
constexpr std::chrono::milliseconds kStall{4'000};
// The time in which all waiting requests should get a worker, below FrontLimits::queue. The more requests wait, the
// less time each stalled client has.
constexpr std::chrono::milliseconds kQueueTarget{8'000};
// How long a queued request tolerates slow readers that hold every worker before the slowest is disconnected.
constexpr std::chrono::seconds kPatience{8};

constexpr std::chrono::minutes kAcceptErrorLines{1};

bool IsOutOfRoom(const std::error_code& error) {
  return error == asio::error::no_descriptors || error == asio::error::no_memory ||
         error == asio::error::no_buffer_space || error == std::errc::too_many_files_open_in_system;
}

}  // namespace

class Front::Impl {
 public:
  Impl(const std::vector<std::string>& listen_addresses, const FrontLimits& limits, int workers,
       const std::string& web_config_file, Peers& peers, std::shared_ptr<http::RequestCounter> counter)
      : shared_{.limits = limits,
                .peers = peers,
                .counter = std::move(counter),
                .permits = FairSemaphore(static_cast<std::size_t>(workers))},
        workers_(static_cast<std::size_t>(workers)),
        gate_(web_config_file),
        acceptors_(Listen(io_, listen_addresses)),
        sweep_timer_(io_) {
    shared_.gate = &gate_;
    for (const auto& acceptor : acceptors_) addresses_.push_back(ToText(acceptor.local_endpoint()));
  }

  const std::vector<std::string>& addresses() const { return addresses_; }

  void Start(std::uint16_t inner_port) {
    shared_.inner_port = inner_port;
    for (auto& acceptor : acceptors_) asio::co_spawn(io_, Accept(acceptor), asio::detached);
    asio::co_spawn(io_, Sweep(), asio::detached);
    thread_ = std::thread([this] { io_.run(); });
  }

  bool Stop() {
    if (!thread_.joinable()) return gate_.Close();
    asio::post(io_, [this] {
      closing_ = true;
      for (auto& acceptor : acceptors_) acceptor.close();
      sweep_timer_.cancel();
      for (const auto& connection : connections_) connection->Abort();
    });
    thread_.join();  // the loop runs out of work: every wait of every connection has ended
    return gate_.Close();
  }

 private:
  using Connections = std::list<std::shared_ptr<ClientConnection>>;
  using Clock = ClientConnection::Clock;

  asio::awaitable<void> Accept(asio::ip::tcp::acceptor& acceptor) {
    asio::steady_timer pause(io_);
    while (!closing_) {
      auto [error, socket] = co_await acceptor.async_accept(kAsTuple);
      if (closing_) co_return;
      if (!error) {
        Admit(std::move(socket));
      } else {
        NoteAcceptError(error);
        // The new connection stays in the kernel's queue; a waiting connection is closed to make room for it.
        if (IsOutOfRoom(error)) EvictWaiting();
        // The error may last: without a pause the thread would do nothing else.
        pause.expires_after(std::chrono::milliseconds(20));
        co_await pause.async_wait(kAsTuple);
      }
    }
  }

  // Once a minute, with their number since the last line.
  void NoteAcceptError(const std::error_code& error) {
    ++accept_errors_;
    const auto now = Clock::now();
    if (accept_error_logged_ && now - *accept_error_logged_ < kAcceptErrorLines) return;
    accept_error_logged_ = now;
    log::Warn("connections cannot be accepted", {{"error", error.message()},
                                                 {"times", std::to_string(std::exchange(accept_errors_, 0))},
                                                 {"connections", std::to_string(connections_.size())}});
  }

  void Admit(asio::ip::tcp::socket socket) {
    if (connections_.size() >= shared_.limits.max_connections && !EvictWaiting()) return;  // closes the socket
    try {
      const auto connection = std::make_shared<ClientConnection>(std::move(socket), shared_);
      const auto place = connections_.insert(connections_.end(), connection);
      ++by_network_[connection->network()];
      asio::co_spawn(io_, ClientConnection::Run(connection),
                     asio::bind_cancellation_slot(connection->cancellation().slot(),
                                                  [this, place](const std::exception_ptr&) { Remove(place); }));
    } catch (const std::exception& error) {
      log::Warn("connection refused", {{"error", error.what()}});
    }
  }

  void Remove(Connections::iterator place) {
    const auto count = by_network_.find((*place)->network());
    if (--count->second == 0) by_network_.erase(count);
    connections_.erase(place);
  }

  // Closes a connection for a new one: of the network with most connections the one that waits longest, preferably for
  // its request. Returns false if all of them are with their handlers.
  bool EvictWaiting() {
    using Phase = ClientConnection::Phase;
    const auto evictable = [](const ClientConnection& connection) {
      return connection.phase() != Phase::kServing && connection.phase() != Phase::kClosed;
    };
    const auto order = [this](const ClientConnection& connection) {
      const auto others = connection.phase() == Phase::kHead ? 0 : 1;
      return std::tuple(-static_cast<std::ptrdiff_t>(by_network_.at(connection.network())), others, connection.since());
    };
    return Cut(1, evictable, order);
  }

  // Gives queued requests the permits of stalled clients, first of the network that holds most. More than one at a
  // time: many stalled clients would otherwise outlast the queue.
  void FreePermits(Clock::time_point now) {
    const auto waiting = shared_.permits.waiting_since();
    if (!waiting) return;
    const auto rounds = static_cast<std::chrono::milliseconds::rep>(shared_.permits.waiting() / workers_ + 1);
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(kQueueTarget - (now - *waiting)) / rounds;
    const auto stall = std::clamp(left, kSweep, kStall);
    const auto stalled = [now, stall](const ClientConnection& connection) {
      return connection.phase() == ClientConnection::Phase::kResponding && connection.last_progress() < now - stall;
    };
    const auto longest_stalled = [this](const ClientConnection& connection) {
      return std::tuple(-Held(connection), connection.last_progress());
    };
    if (Cut(shared_.permits.waiting(), stalled, longest_stalled) || now - *waiting <= kPatience) return;
    const auto reads = [](const ClientConnection& connection) {
      return connection.phase() == ClientConnection::Phase::kResponding;
    };
    const auto longest = [this](const ClientConnection& connection) {
      return std::tuple(-Held(connection), connection.since());
    };
    Cut(1, reads, longest);
  }

  std::ptrdiff_t Held(const ClientConnection& connection) const {
    return static_cast<std::ptrdiff_t>(shared_.permits.held(connection.network()));
  }

  // Closes the first `most` connections by `order` of those for which `which` holds. Returns false if there are none.
  template <typename Which, typename Order>
  bool Cut(std::size_t most, const Which& which, const Order& order) {
    std::vector<std::pair<decltype(order(*connections_.front())), ClientConnection*>> victims;
    for (const auto& connection : connections_) {
      if (which(*connection)) victims.emplace_back(order(*connection), connection.get());
    }
    most = std::min(most, victims.size());
    std::ranges::partial_sort(victims, victims.begin() + static_cast<std::ptrdiff_t>(most));
    for (std::size_t i = 0; i < most; ++i) victims[i].second->Abort();
    return most > 0;
  }

  asio::awaitable<void> Sweep() {
    while (!closing_) {
      sweep_timer_.expires_after(kSweep);
      co_await sweep_timer_.async_wait(kAsTuple);
      const auto now = Clock::now();
      for (const auto& connection : connections_) {
        connection->NoteProgress(now);
        if (connection->deadline() < now) connection->Abort();
      }
      FreePermits(now);
    }
  }

  FrontShared shared_;
  const std::size_t workers_;
  bool closing_ = false;
  asio::io_context io_{1};
  // After io_, because their threads post to it.
  access::Gate gate_;
  Connections connections_;
  std::map<std::string, std::size_t> by_network_;  // number of connections of each; never 0
  std::vector<asio::ip::tcp::acceptor> acceptors_;
  asio::steady_timer sweep_timer_;
  std::vector<std::string> addresses_;
  std::size_t accept_errors_ = 0;  // since the last line about them
  std::optional<Clock::time_point> accept_error_logged_;
  std::thread thread_;
};

Front::Front(const std::vector<std::string>& listen_addresses, const FrontLimits& limits, int workers,
             const std::string& web_config_file, Peers& peers, std::shared_ptr<http::RequestCounter> counter)
    : impl_(std::make_unique<Impl>(listen_addresses, limits, workers, web_config_file, peers, std::move(counter))) {}

Front::~Front() { Stop(); }

const std::vector<std::string>& Front::addresses() const { return impl_->addresses(); }

void Front::Start(std::uint16_t inner_port) { impl_->Start(inner_port); }

bool Front::Stop() { return impl_->Stop(); }

}  // namespace pgtls::front
