// The exporter as a service: the sampling loop on the calling thread, the web on its own.
#include <unistd.h>

#include <csignal>
#include <memory>

#include "collectors/registry.h"
#include "exporter/app.h"
#include "exporter/base/blocking.h"
#include "exporter/base/error.h"
#include "exporter/base/log.h"
#include "exporter/catalogue.h"
#include "exporter/db/connector.h"
#include "exporter/http/exporter_metrics.h"
#include "exporter/http/metrics_handler.h"
#include "exporter/http/pages.h"
#include "exporter/http/server.h"
#include "exporter/sampling/fleet.h"

namespace pgtls {
namespace {

constexpr std::size_t kBlockingThreads = 4;
constexpr std::size_t kConcurrentConnects = 8;
constexpr int kHttpWorkers = 8;

class Service {
 public:
  explicit Service(const config::CommandLine& line)
      : line_(line),
        connector_(blocking_, kConcurrentConnects),
        runtime_{loop_, blocking_, connector_, collectors::All()},
        fleet_(runtime_),
        signals_(loop_, SIGTERM, SIGINT, SIGHUP),
        requests_(std::make_shared<http::RequestCounter>()) {}

  int Run() {
    fleet_.Apply(LoadConfig(line_));
    reload_.Set(true);
    StartWeb();
    WaitForSignal();
    loop_.run();
    web_->Stop();
    return End();
  }

 private:
  void StartWeb();
  void WaitForSignal();
  asio::awaitable<void> Reload();
  int End();

  const config::CommandLine& line_;
  asio::io_context loop_{1};
  BlockingPool blocking_{kBlockingThreads};
  db::Connector connector_;
  sampling::Runtime runtime_;
  sampling::Fleet fleet_;
  asio::signal_set signals_;
  http::ReloadStatus reload_;
  std::shared_ptr<http::RequestCounter> requests_;
  std::unique_ptr<http::Server> web_;
};

void Service::StartWeb() {
  http::MetricsSource source;
  source.catalogue = Catalogue();
  source.servers = [this] { return fleet_.Snapshots(); };
  source.exporter = [this] { return http::RenderExporter(reload_, *requests_); };
  std::vector<http::Route> routes;
  routes.push_back({line_.telemetry_path, {"GET"}, http::MetricsHandler(std::move(source)), "metrics"});
  routes.push_back({"/-/healthy", {"GET"}, [](const http::Request&) { return http::PlainResponse(200); }, "healthy"});
  routes.push_back(
      {"/-/ready", {"GET"}, [this](const http::Request&) { return http::ReadyPage(fleet_.TriedOnce()); }, "ready"});
  routes.push_back(
      {"/", {"GET"}, [this](const http::Request&) { return http::LandingPage(line_.telemetry_path); }, "landing"});
  http::ServerOptions options;
  if (!line_.listen_addresses.empty()) options.listen_addresses = line_.listen_addresses;
  options.workers = kHttpWorkers;
  web_ = std::make_unique<http::Server>(options, std::move(routes), requests_);
  for (const auto& address : web_->addresses()) log::Info("listening", {{"address", address}, {"tls", "false"}});
}

void Service::WaitForSignal() {
  signals_.async_wait([this](const std::error_code& error, int signal) {
    if (error) return;
    if (signal != SIGHUP) {
      log::Info("stopping", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
      fleet_.Stop();
      loop_.stop();
      return;
    }
    asio::co_spawn(loop_, Reload(), asio::detached);
    WaitForSignal();
  });
}

asio::awaitable<void> Service::Reload() {
  try {
    config::Config config = co_await blocking_.Run([line = line_] { return LoadConfig(line); });
    fleet_.Apply(config);
    reload_.Set(true);
    log::Info("configuration reloaded", {{"servers", std::to_string(config.servers.size())}});
  } catch (const ConfigError& error) {
    reload_.Set(false);
    log::Error("the configuration was refused; the one before stays in force", {{"error", error.what()}});
  }
}

int Service::End() {
  // Both lanes of every server are cancelled: let them unwind while all that they use is alive.
  loop_.restart();
  loop_.run_for(std::chrono::seconds(1));
  const bool idle = blocking_.Close();
  if (!idle || !loop_.stopped()) {
    // A resolver hangs, or a step that cannot be cancelled: nothing may be torn down under it.
    log::Debug("ending with work that hangs");
    _exit(EXIT_SUCCESS);
  }
  return EXIT_SUCCESS;
}

}  // namespace

int Serve(const config::CommandLine& line) {
  log::Info("starting", {{"version", http::VersionText()}});
  return std::make_unique<Service>(line)->Run();
}

}  // namespace pgtls
