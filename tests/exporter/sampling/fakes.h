// Collectors that do what the test says, and a loop with all that servers share.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "exporter/postgres/driver.h"
#include "exporter/sampling/collector.h"
#include "exporter/sampling/server.h"

namespace pgtls::sampling::testing {

inline constexpr metrics::Desc kRuns = {
    "pg_tls_test_runs", metrics::Type::kGauge, "How often this instance ran.", {"server"}};

// The behaviour of all instances of one collector.
struct Fake {
  std::function<asio::awaitable<void>(Context&, Output&)> collect;  // none: succeeds
  int instances = 0;
  int runs = 0;  // begun
};

enum Name : std::size_t { kSessions, kLinks, kSettings, kHba, kEndpoint, kCertificates };
inline std::array<Fake, 6> g_fakes;

class FakeCollector : public Collector {
 public:
  // Probes make theirs on the web's threads, several at once.
  explicit FakeCollector(Fake& fake) : fake_(fake) { ++std::atomic_ref(fake_.instances); }
  asio::awaitable<void> Collect(Context& context, Output& output) override {
    ++fake_.runs;
    output.sink.Add(kRuns, {}, ++runs_);
    if (fake_.collect) co_await fake_.collect(context, output);
  }

 private:
  Fake& fake_;
  int runs_ = 0;
};

template <std::size_t name>
std::unique_ptr<Collector> MakeFake() {
  return std::make_unique<FakeCollector>(g_fakes[name]);
}

inline constexpr std::array<const metrics::Desc*, 1> kRunsOnly = {&kRuns};
// Intervals so long that nothing runs twice.
template <std::size_t name>
CollectorType FakeType(std::string_view text, ConnectionKind connection) {
  return {.name = text,
          .help = "",
          .connection = connection,
          .descs = kRunsOnly,
          .make = MakeFake<name>,
          .schema = {.interval = std::chrono::hours(1), .timeout = std::chrono::seconds(20), .options = [] {
                       return config::CollectorOptions(0);
                     }}};
}
inline const CollectorType kSessionsType = FakeType<kSessions>("sessions", ConnectionKind::kPersistent);
inline const CollectorType kLinksType = FakeType<kLinks>("links", ConnectionKind::kPersistent);
inline const CollectorType kSettingsType = FakeType<kSettings>("settings", ConnectionKind::kFresh);
inline const CollectorType kHbaType = FakeType<kHba>("hba", ConnectionKind::kFresh);
inline const CollectorType kEndpointType = FakeType<kEndpoint>("endpoint", ConnectionKind::kNone);
inline const CollectorType kCertificatesType = FakeType<kCertificates>("certificates", ConnectionKind::kNone);

class SamplingTest : public ::testing::Test {
 protected:
  explicit SamplingTest(std::vector<const CollectorType*> types = {&kEndpointType, &kCertificatesType})
      : types_(std::move(types)) {
    g_fakes = {};
  }

  // A server whose conninfo is never used by collectors without SQL.
  static config::ServerConfig Config(const std::string& name, const std::string& conninfo = "host=127.0.0.1 port=1") {
    config::ServerConfig server;
    server.name = name;
    server.conninfo = conninfo;
    for (const CollectorType* type :
         {&kSessionsType, &kLinksType, &kSettingsType, &kHbaType, &kEndpointType, &kCertificatesType}) {
      server.collectors.emplace(type->name, type->schema.Defaults());
    }
    return server;
  }

  void Start(const config::ServerConfig& config) {
    server_ = std::make_shared<Server>(std::make_shared<const config::ServerConfig>(config), runtime_);
    server_->Start();
  }
  void Reconfigure(const config::ServerConfig& config) {
    server_->Reconfigure(std::make_shared<const config::ServerConfig>(config), db::ResolveTarget(config.conninfo));
  }
  // Runs the loop until `done`; false when that takes too long.
  bool RunUntil(const std::function<bool()>& done) {
    const Deadline limit = After(std::chrono::seconds(30));
    loop_.restart();
    while (!done()) {
      if (std::chrono::steady_clock::now() > limit) return false;
      loop_.run_one_for(std::chrono::milliseconds(20));
    }
    return true;
  }
  // Everything that is ready, and what that makes ready.
  void Drain() {
    loop_.restart();
    loop_.poll();
  }

  static const CollectorState* Find(const ServerSnapshot& snapshot, std::string_view name) {
    for (const auto& collector : snapshot.collectors) {
      if (collector.name == name) return &collector;
    }
    return nullptr;
  }
  // The result of the server's collector; null before its first run or where it is disabled.
  std::shared_ptr<const CollectorResult> ResultOf(std::string_view name) const {
    const ServerSnapshot snapshot = *server_->Snapshot();
    const CollectorState* state = Find(snapshot, name);
    return state == nullptr ? nullptr : state->result;
  }
  static std::string Text(const metrics::SharedSamples& samples) {
    return std::string(samples ? samples->text() : std::string_view());
  }
  std::string TextOf(std::string_view name) const {
    const auto result = ResultOf(name);
    return result ? Text(result->samples) : "";
  }
  // Of the server, then of each collector.
  std::string Health() const {
    const ServerSnapshot snapshot = *server_->Snapshot();
    std::string text = Text(snapshot.health);
    for (const auto& collector : snapshot.collectors) text += Text(collector.health);
    return text;
  }

  void TearDown() override {
    if (server_) server_->Stop();
    Drain();
  }

  asio::io_context loop_;
  BlockingPool blocking_{2};
  db::Connector connector_{blocking_, 4};
  std::vector<const CollectorType*> types_;
  std::vector<const Driver*> drivers_ = {&postgres::PostgresDriver()};
  Runtime runtime_{loop_, blocking_, connector_, types_, drivers_};
  std::shared_ptr<Server> server_;
};

}  // namespace pgtls::sampling::testing
