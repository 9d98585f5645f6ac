// The exporter as a service: the sampling loop on the calling thread, the web on its own.
#include <malloc.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <future>
#include <memory>
#include <mutex>

#include "collectors/registry.h"
#include "exporter/app.h"
#include "exporter/base/blocking.h"
#include "exporter/base/heartbeat.h"
#include "exporter/base/log.h"
#include "exporter/base/text.h"
#include "exporter/catalogue.h"
#include "exporter/db/connector.h"
#include "exporter/drivers.h"
#include "exporter/exposition/self_metrics.h"
#include "exporter/front/server.h"
#include "exporter/reload.h"
#include "exporter/routes/discovery.h"
#include "exporter/routes/metrics_handler.h"
#include "exporter/routes/probe_handler.h"
#include "exporter/routes/ready.h"
#include "exporter/sampling/fleet.h"
#include "exporter/status/page.h"

namespace pgtls {
namespace {

constexpr std::size_t kBlockingThreads = 4;
constexpr std::size_t kConcurrentConnects = 8;
constexpr int kProbes = 8;  // at once
constexpr int kHttpWorkers = 8;
constexpr std::chrono::seconds kBeat{1};
constexpr std::chrono::minutes kTrim{1};

class Service {
 public:
  explicit Service(const config::CommandLine& line)
      : line_(line),
        reloads_(blocking_, reload_,
                 {.load = [line] { return sampling::Resolve(LoadConfig(line)); },
                  .adopt = [this](sampling::ResolvedConfig resolved) { Adopt(std::move(resolved)); },
                  .ending = [this] { return ending_; }}),
        connector_(blocking_, kConcurrentConnects),
        runtime_{loop_, blocking_, connector_, collectors::All(), Drivers(), &admission_},
        fleet_(runtime_),
        signals_(loop_, SIGTERM, SIGINT, SIGHUP),
        beat_(loop_),
        trim_(loop_),
        requests_(std::make_shared<http::RequestCounter>()) {}

  int Run() {
    Adopt(sampling::Resolve(LoadConfig(line_)));
    StartWeb();
    WaitForSignal();
    Beat();
    TrimMemory();
    loop_.run();
    stopping_ = true;
    const bool web_ended = web_->Stop();
    return End(web_ended);
  }

 private:
  void StartWeb();
  void WaitForSignal();
  // Shows that the loop runs.
  void Beat();
  // Logins and handshakes leave holes in the heap, which the C library keeps.
  void TrimMemory();
  // Why a restart would help; empty: nothing is stuck. On any thread.
  std::string Problem() const;
  // Every server was tried once; from then on for good, whatever a reload adds. On any thread.
  bool IsReady();
  std::vector<http::Route> Routes();
  http::Response ReloadNow();
  void Adopt(sampling::ResolvedConfig resolved);
  int End(bool web_ended);

  const config::CommandLine& line_;
  Reloads reloads_;  // before the loop, which may end with one that waits for its turn
  asio::io_context loop_{1};
  BlockingPool blocking_{kBlockingThreads};
  db::Connector connector_;
  const std::shared_ptr<const metrics::FamilyOrder> order_ = std::make_shared<metrics::FamilyOrder>(Catalogue());
  sampling::Admission admission_{loop_};
  sampling::Runtime runtime_;
  sampling::Fleet fleet_;
  asio::signal_set signals_;
  asio::steady_timer beat_;
  asio::steady_timer trim_;
  Heartbeat loop_heartbeat_;
  bool ending_ = false;  // on the loop: SIGTERM or SIGINT has come
  std::atomic<bool> ready_{false};
  exposition::ReloadStatus reload_;
  std::shared_ptr<http::RequestCounter> requests_;
  std::atomic<bool> stopping_{false};
  std::mutex config_mutex_;
  std::shared_ptr<const config::Config> config_;  // for the web's threads
  std::unique_ptr<front::Server> web_;
};

void Service::Adopt(sampling::ResolvedConfig resolved) {
  auto config = resolved.config;
  IsReady();
  fleet_.Apply(std::move(resolved));
  reload_.Set(true);
  const std::lock_guard lock(config_mutex_);
  config_ = std::move(config);
}

bool Service::IsReady() {
  // Without a server there is nothing to wait for, but a fleet that has no server yet was not started.
  if (!ready_ && fleet_.started() && fleet_.TriedOnce()) ready_ = true;
  return ready_;
}

void Service::Beat() {
  loop_heartbeat_.Expect(After(kBeat));
  beat_.expires_after(kBeat);
  beat_.async_wait([this](const std::error_code& error) {
    if (!error) Beat();
  });
}

void Service::TrimMemory() {
  trim_.expires_after(kTrim);
  trim_.async_wait([this](const std::error_code& error) {
    if (error) return;
    malloc_trim(0);
    TrimMemory();
  });
}

std::string Service::Problem() const {
  if (loop_heartbeat_.IsOverdue(Heartbeat::Clock::now())) return "the sampling loop is stuck";
  const auto server = fleet_.Stuck();
  return server ? "the sampling of server " + Printable(*server) + " is stuck" : "";
}

std::vector<http::Route> Service::Routes() {
  const auto config = [this] {
    const std::lock_guard lock(config_mutex_);
    return config_;
  };
  routes::MetricsSource metrics;
  metrics.order = order_;
  metrics.collectors = runtime_.collectors;
  metrics.servers = [this] { return fleet_.Snapshots(); };
  metrics.exporter = [this] {
    return exposition::RenderExporter(reload_, requests_.get(), admission_.figures(), line_.shard);
  };
  status::StatusSource status;
  status.servers = metrics.servers;
  status.reload_refused = [this] { return !reload_.Get().successful; };
  status.telemetry_path = line_.telemetry_path;
  status.version = exposition::VersionText();
  if (line_.shard.count > 1) status.shard = line_.shard.ToString();
  routes::ProbeSource probe{order_, config, runtime_, kProbes, stopping_};
  const auto names = [config] {
    std::vector<std::string> result;
    for (const auto& server : config()->servers) result.push_back(server.name);
    return result;
  };
  return {
      {line_.telemetry_path, {"GET"}, routes::MetricsHandler(std::move(metrics)), "metrics"},
      {"/probe", {"GET"}, routes::ProbeHandler(std::move(probe)), "probe"},
      {"/sd", {"GET"}, routes::DiscoveryHandler(names, line_.telemetry_path), "sd"},
      {"/-/healthy", {"GET"}, [this](const http::Request&) { return routes::HealthyPage(Problem()); }, "healthy"},
      {"/-/ready", {"GET"}, [this](const http::Request&) { return routes::ReadyPage(IsReady()); }, "ready"},
      {"/-/reload", {"POST"}, [this](const http::Request&) { return ReloadNow(); }, "reload"},
      {"/", {"GET"}, status::StatusHandler(std::move(status)), "status"},
  };
}

void Service::StartWeb() {
  front::ServerOptions options;
  if (!line_.listen_addresses.empty()) options.listen_addresses = line_.listen_addresses;
  options.web_config_file = line_.web_config_file;
  options.workers = kProbes + kHttpWorkers;
  web_ = std::make_unique<front::Server>(options, Routes(), requests_);
}

// On a worker's thread; the reload itself runs on the loop.
http::Response Service::ReloadNow() {
  http::Response response;
  response.status = 403;
  response.body = "reloading over HTTP is disabled; --web.enable-lifecycle enables it, SIGHUP always works\n";
  if (!line_.enable_lifecycle) return response;
  auto done = asio::co_spawn(loop_, reloads_.Run(), asio::use_future);
  while (done.wait_for(std::chrono::milliseconds(100)) != std::future_status::ready) {
    if (stopping_) return http::PlainResponse(503);
  }
  const std::string error = done.get();
  response.status = error.empty() ? 200 : 500;
  response.body = (error.empty() ? "reloaded" : error) + "\n";
  return response;
}

void Service::WaitForSignal() {
  signals_.async_wait([this](const std::error_code& error, int signal) {
    if (error) return;
    if (signal != SIGHUP) {
      log::Info("stopping", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
      ending_ = true;
      fleet_.Stop();
      beat_.cancel();
      trim_.cancel();
      loop_.stop();
      return;
    }
    asio::co_spawn(loop_, reloads_.Run(), asio::detached);
    WaitForSignal();
  });
}

int Service::End(bool web_ended) {
  // Both lanes of every server are cancelled: let them unwind while all that they use is alive.
  loop_.restart();
  loop_.run_for(std::chrono::seconds(1));
  const bool idle = blocking_.Close() && web_ended;
  if (!idle || !loop_.stopped()) {
    // A resolver hangs, or a step that cannot be cancelled: nothing may be torn down under it.
    log::Debug("exiting with a blocked worker thread");
    log::Flush();
    _exit(EXIT_SUCCESS);
  }
  return EXIT_SUCCESS;
}

}  // namespace

int Serve(const config::CommandLine& line) {
  // Otherwise each thread has holes of its own.
  mallopt(M_ARENA_MAX, 1);
  const log::Background background;
  log::Info("starting", {{"version", exposition::VersionText()}});
  return std::make_unique<Service>(line)->Run();
}

}  // namespace pgtls
