#include "tests/bench/soak_storm.h"

#include <csignal>
#include <list>

namespace pgtls::bench {
namespace {

using std::chrono::milliseconds;

// Retried: the server may be restarting by itself.
void Administer(const support::PostgresServer& server, const std::string& sql) {
  support::WaitUntil([&] {
    try {
      server.Execute(sql);
      return true;
    } catch (const std::runtime_error&) {
      return false;
    }
  });
}

}  // namespace

Storm::Storm(Fleet& fleet, Held& held, unsigned seed) : fleet_(fleet), held_(held), random_(seed) {
  for (const auto& server : fleet.clusters()) {
    Administer(*server, "CREATE ROLE plain LOGIN; CREATE ROLE churn LOGIN; CREATE ROLE counted LOGIN");
    clusters_.emplace_back().server = server.get();
    OpenHeld(clusters_.size() - 1);
  }
}

Storm::Clock::time_point Storm::Later() {
  return Clock::now() + milliseconds(std::uniform_int_distribution<int>(100, 8000)(random_));
}

void Storm::OpenHeld(std::size_t index) {
  held_.Opening(index);
  try {
    auto client = std::make_unique<support::Client>(clusters_[index].server->Conninfo("user=plain sslmode=disable"));
    held_.Opened(index);
    clusters_[index].held = std::move(client);
  } catch (const std::runtime_error&) {  // it restarts: tried again at the next step
  }
}

void Storm::CloseHeld(std::size_t index) {
  held_.Closing(index);
  clusters_[index].held.reset();
}

void Storm::GoodCertificate(Cluster& cluster) {
  cluster.server->SetTls({.server = fleet_.Issue()});
  cluster.certificate.reset();
}

void Storm::Recover(std::size_t index) {
  Cluster& cluster = clusters_[index];
  if (cluster.state == State::kFrozen) cluster.server->Resume();
  if (cluster.state == State::kDown) {
    GoodCertificate(cluster);  // with a wrong key it does not even start
    cluster.server->Start();
  }
  cluster.state = State::kUp;
}

void Storm::Step() {
  for (std::size_t i = 0; i < clusters_.size(); ++i) {
    Cluster& cluster = clusters_[i];
    if (cluster.state != State::kUp && cluster.back <= Clock::now()) Recover(i);
    if (cluster.state != State::kUp) continue;
    if (cluster.certificate && *cluster.certificate <= Clock::now()) {
      GoodCertificate(cluster);
      cluster.server->Reload();
    }
    if (!cluster.held) OpenHeld(i);
  }
  const std::size_t target = std::uniform_int_distribution<std::size_t>(0, clusters_.size() - 1)(random_);
  const auto blow = static_cast<Blow>(std::uniform_int_distribution<int>(0, kBlows - 1)(random_));
  if (clusters_[target].state == State::kUp) Strike(target, blow);
}

void Storm::Strike(std::size_t index, Blow blow) {
  Cluster& cluster = clusters_[index];
  support::PostgresServer& server = *cluster.server;
  ++counts_[static_cast<std::size_t>(blow)];
  switch (blow) {
    case Blow::kKill:
      CloseHeld(index);
      server.Kill();
      cluster.state = State::kDown;
      cluster.back = Later();
      break;
    case Blow::kStop:
      CloseHeld(index);
      server.Stop();
      cluster.state = State::kDown;
      cluster.back = Later();
      break;
    case Blow::kFreeze:
      server.Pause();
      cluster.state = State::kFrozen;
      cluster.back = Later();
      break;
    case Blow::kKillBackend: {
      if (!cluster.held) break;
      const int pid = cluster.held->pid();
      held_.Closing(index);
      kill(pid, SIGKILL);
      cluster.held.reset();
      break;
    }
    case Blow::kTerminate:
      Administer(server, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'tls_exporter'");
      break;
    case Blow::kNewCertificate:
      GoodCertificate(cluster);
      server.Reload();
      break;
    case Blow::kOtherAuthority:
      server.SetTls({.server = support::TestCa("Another CA").Issue({.dns_names = {"*.fleet.test"}})});
      server.Reload();
      cluster.certificate = Later();
      break;
    case Blow::kWrongKey: {
      support::Certificate wrong = fleet_.Issue();
      wrong.key = fleet_.Issue().key;
      server.SetTls({.server = wrong});
      server.Reload();
      cluster.certificate = Later();
      break;
    }
    case Blow::kReload:
      server.Reload();
      break;
    case Blow::kReopenHeld:
      CloseHeld(index);
      break;
  }
}

void Storm::Calm() {
  for (std::size_t i = 0; i < clusters_.size(); ++i) {
    Recover(i);
    GoodCertificate(clusters_[i]);
    clusters_[i].server->Reload();
    support::WaitUntil([&] {
      if (!clusters_[i].held) OpenHeld(i);
      return clusters_[i].held != nullptr;
    });
  }
}

Churn::Churn(const Fleet& fleet, unsigned seed) {
  for (const auto& server : fleet.clusters())
    threads_.emplace_back([this, &server = *server, each = seed++] { Run(server, each); });
}

Churn::~Churn() {
  stop_ = true;
  for (auto& thread : threads_) thread.join();
}

void Churn::Run(const support::PostgresServer& server, unsigned seed) {
  std::mt19937 random(seed);
  std::list<support::Client> clients;
  while (!stop_) {
    const int choice = std::uniform_int_distribution<int>(0, 9)(random);
    if (clients.size() > 10 || (choice < 4 && !clients.empty())) {
      clients.pop_front();
    } else {
      try {
        clients.emplace_back(
            server.Conninfo(std::string("user=churn sslmode=") + (choice % 2 == 0 ? "disable" : "require")));
        clients.back().Query("SELECT count(*) FROM pg_class");
        ++opened_;
      } catch (const std::runtime_error&) {  // it is down
        clients.clear();
      }
    }
    std::this_thread::sleep_for(milliseconds(std::uniform_int_distribution<int>(0, 200)(random)));
  }
}

}  // namespace pgtls::bench
