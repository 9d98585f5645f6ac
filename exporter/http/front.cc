#include "exporter/http/front.h"

#include <algorithm>
#include <asio.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <chrono>
#include <list>
#include <thread>
#include <utility>

#include "exporter/base/log.h"
#include "exporter/http/connection.h"
#include "exporter/http/listener.h"

namespace pgtls::http {
namespace {

constexpr auto kAsTuple = asio::experimental::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds kSweep{250};
// How long the first in the queue for a worker bears with readers that do read, only slowly.
constexpr std::chrono::seconds kPatience{5};

}  // namespace

class Front::Impl {
 public:
  Impl(const std::vector<std::string>& listen_addresses, const FrontLimits& limits, int workers,
       const std::string& web_config_file, Peers& peers, std::shared_ptr<RequestCounter> counter)
      : shared_{.limits = limits,
                .peers = peers,
                .counter = std::move(counter),
                .slots = Slots(static_cast<std::size_t>(workers))},
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

  void Stop() {
    if (!thread_.joinable()) return;
    asio::post(io_, [this] {
      closing_ = true;
      for (auto& acceptor : acceptors_) acceptor.close();
      sweep_timer_.cancel();
      for (const auto& connection : connections_) connection->Abort();
    });
    thread_.join();  // the loop runs out of work: every wait of every connection has ended
  }

 private:
  using Connections = std::list<std::shared_ptr<Connection>>;
  using Clock = Connection::Clock;

  asio::awaitable<void> Accept(asio::ip::tcp::acceptor& acceptor) {
    asio::steady_timer pause(io_);
    while (!closing_) {
      auto [error, socket] = co_await acceptor.async_accept(kAsTuple);
      if (closing_) co_return;
      if (!error) {
        Admit(std::move(socket));
      } else if (error == asio::error::no_descriptors || error == asio::error::no_memory ||
                 error == asio::error::no_buffer_space || error == std::errc::too_many_files_open_in_system) {
        // The peer stays in the kernel's queue; a connection that waits makes room for it.
        EvictWaiting();
        pause.expires_after(std::chrono::milliseconds(20));
        co_await pause.async_wait(kAsTuple);
      }
    }
  }

  void Admit(asio::ip::tcp::socket socket) {
    if (connections_.size() >= shared_.limits.max_connections && !EvictWaiting()) return;  // closes the socket
    try {
      const auto connection = std::make_shared<Connection>(std::move(socket), shared_);
      const auto place = connections_.insert(connections_.end(), connection);
      asio::co_spawn(
          io_, Connection::Run(connection),
          asio::bind_cancellation_slot(connection->cancellation().slot(),
                                       [this, place](const std::exception_ptr&) { connections_.erase(place); }));
    } catch (const std::exception& error) {
      log::Warn("connection refused", {{"err", error.what()}});
    }
  }

  // Cuts the connection that has been waiting longest for its request. False: none waits.
  bool EvictWaiting() { return Evict(Connection::Phase::kHead, &Connection::since, Clock::time_point::max()); }

  // Cuts the connection in `phase` whose `when` is the earliest, if it is before `limit`.
  bool Evict(Connection::Phase phase, Clock::time_point (Connection::*when)() const, Clock::time_point limit) {
    const std::shared_ptr<Connection>* victim = nullptr;
    for (const auto& connection : connections_) {
      if (connection->phase() != phase || ((*connection).*when)() >= limit) continue;
      if (victim == nullptr || ((*connection).*when)() < ((**victim).*when)()) victim = &connection;
    }
    if (victim == nullptr) return false;
    (*victim)->Abort();
    return true;
  }

  asio::awaitable<void> Sweep() {
    while (!closing_) {
      sweep_timer_.expires_after(kSweep);
      co_await sweep_timer_.async_wait(kAsTuple);
      const auto now = Clock::now();
      for (const auto& connection : connections_) {
        if (connection->deadline() < now) connection->Abort();
      }
      // One worker a sweep: the first reader to be cut may be enough.
      const auto waiting = shared_.slots.waiting_since();
      if (!waiting) continue;
      if (Evict(Connection::Phase::kResponding, &Connection::last_progress, now - kSweep)) continue;
      if (now - *waiting > kPatience) Evict(Connection::Phase::kResponding, &Connection::since, now);
    }
  }

  FrontShared shared_;
  bool closing_ = false;
  asio::io_context io_{1};
  // Below io_: what their threads hand back goes there.
  Gate gate_;
  Connections connections_;
  std::vector<asio::ip::tcp::acceptor> acceptors_;
  asio::steady_timer sweep_timer_;
  std::vector<std::string> addresses_;
  std::thread thread_;
};

Front::Front(const std::vector<std::string>& listen_addresses, const FrontLimits& limits, int workers,
             const std::string& web_config_file, Peers& peers, std::shared_ptr<RequestCounter> counter)
    : impl_(std::make_unique<Impl>(listen_addresses, limits, workers, web_config_file, peers, std::move(counter))) {}

Front::~Front() { Stop(); }

const std::vector<std::string>& Front::addresses() const { return impl_->addresses(); }

void Front::Start(std::uint16_t inner_port) { impl_->Start(inner_port); }

void Front::Stop() { impl_->Stop(); }

}  // namespace pgtls::http
