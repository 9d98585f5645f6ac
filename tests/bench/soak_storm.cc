#include "tests/bench/soak_storm.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <optional>
#include <stdexcept>

namespace pgtls::bench {
namespace {

using std::chrono::milliseconds;

// Retried: the server may be restarting by itself.
void Administer(const support::PostgresServer& server, const std::string& sql) {
  const bool done = support::WaitUntil([&] {
    try {
      server.Execute(sql);
      return true;
    } catch (const std::runtime_error&) {
      return false;
    }
  });
  if (!done) throw std::runtime_error("a server refuses: " + sql);
}

bool HasEnded(const support::Client& client) {
  return PQconsumeInput(client.get()) == 0 || PQstatus(client.get()) == CONNECTION_BAD;
}

// By OpenSSL alone: what the exporter says is compared with it.
std::string Fingerprint(const std::string& pem) {
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                                         &BIO_free_all);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr),
                                                                &X509_free);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (!certificate || X509_digest(certificate.get(), EVP_sha256(), digest.data(), &size) != 1) {
    throw std::runtime_error("a certificate has no fingerprint");
  }
  std::string hex;
  for (unsigned i = 0; i < size; ++i) {
    std::array<char, 3> byte{};
    std::snprintf(byte.data(), byte.size(), "%02x", static_cast<unsigned>(digest.at(i)));
    hex += byte.data();
  }
  return hex;
}

}  // namespace

Storm::Storm(const Fleet& fleet, Exporter& exporter, std::array<std::string, 2> configurations, History& history,
             unsigned seed)
    : fleet_(fleet), exporter_(exporter), configurations_(std::move(configurations)), history_(history), random_(seed) {
  for (const auto& server : fleet.clusters()) {
    Administer(*server, "CREATE ROLE plain LOGIN; CREATE ROLE churn LOGIN; CREATE ROLE counted LOGIN");
    clusters_.emplace_back().server = server.get();
    const std::size_t index = clusters_.size() - 1;
    Install(index, true);
    OpenHeld(index);
    if (!clusters_[index].held) throw std::runtime_error("the first unencrypted client could not be opened");
  }
}

Storm::Clock::time_point Storm::Later() {
  return Clock::now() + milliseconds(std::uniform_int_distribution<int>(100, 6000)(random_));
}

// Longer than the watcher's patience with an old result.
Storm::Clock::time_point Storm::MuchLater() {
  return Clock::now() + milliseconds(std::uniform_int_distribution<int>(30000, 33000)(random_));
}

Blow Storm::NextBlow() {
  if (round_.empty()) {
    for (int i = 0; i < kBlows; ++i) round_.push_back(static_cast<Blow>(i));
    std::ranges::shuffle(round_, random_);
  }
  const Blow blow = round_.back();
  round_.pop_back();
  return blow;
}

void Storm::OpenHeld(std::size_t index) {
  const auto attempt = history_.clients.Try(index, ClientKey("plain", "none"));
  try {
    auto client = std::make_unique<support::Client>(clusters_[index].server->Conninfo("user=plain sslmode=disable"));
    clusters_[index].span = history_.clients.Begin(attempt);
    clusters_[index].held = std::move(client);
  } catch (const std::runtime_error&) {  // it restarts: tried again at the next step
  }
}

void Storm::CloseHeld(std::size_t index) {
  if (clusters_[index].span) history_.clients.End(*clusters_[index].span);
  clusters_[index].span.reset();
  clusters_[index].held.reset();
}

void Storm::Install(std::size_t index, bool trusted) {
  Cluster& cluster = clusters_[index];
  const support::Certificate certificate =
      trusted ? fleet_.Issue() : support::TestCa("Another CA").Issue({.dns_names = {"*.fleet.test"}});
  history_.certificates.EndAll(index);
  cluster.server->SetTls({.server = certificate});
  if (cluster.state == State::kDown) {
    cluster.server->Start();
  } else {
    cluster.server->Reload();
  }
  history_.certificates.Begin(history_.certificates.Try(
      index, InstalledKey({.fingerprint = Fingerprint(certificate.certificate), .trusted = trusted})));
  cluster.certificate = trusted ? std::nullopt : std::optional(Later());
}

void Storm::Out(std::size_t index, State state) {
  clusters_[index].state = state;
  const bool is_long = state == State::kDown && downs_++ % 6 == 0;
  clusters_[index].back = is_long ? MuchLater() : Later();
  history_.outages.Begin(history_.outages.Try(index, "out"));
}

void Storm::Recover(std::size_t index) {
  Cluster& cluster = clusters_[index];
  history_.outages.EndAll(index);
  if (cluster.state == State::kFrozen) cluster.server->Resume();
  if (cluster.state == State::kDown) Install(index, true);  // with a wrong key it would not even start
  cluster.state = State::kUp;
}

void Storm::Step() {
  std::vector<std::size_t> up;
  for (std::size_t i = 0; i < clusters_.size(); ++i) {
    Cluster& cluster = clusters_[i];
    if (cluster.state != State::kUp && cluster.back <= Clock::now()) Recover(i);
    if (cluster.state != State::kUp) continue;
    up.push_back(i);
    if (cluster.certificate && *cluster.certificate <= Clock::now()) Install(i, true);
    if (!cluster.held) OpenHeld(i);
  }
  if (up.empty()) return;
  Strike(up[std::uniform_int_distribution<std::size_t>(0, up.size() - 1)(random_)], NextBlow());
}

void Storm::Strike(std::size_t index, Blow blow) {
  Cluster& cluster = clusters_[index];
  support::PostgresServer& server = *cluster.server;
  ++counts_.at(static_cast<std::size_t>(blow));
  switch (blow) {
    case Blow::kKill:
    case Blow::kStop:
      history_.clients.EndAll(index);
      CloseHeld(index);
      blow == Blow::kKill ? server.Kill() : server.Stop();
      Out(index, State::kDown);
      break;
    case Blow::kFreeze:
      // Two at most: their addresses fill the turns and the places of the silent, and then others are refused a turn.
      if (std::ranges::count(clusters_, State::kFrozen, &Cluster::state) >= 2) {
        Recover(static_cast<std::size_t>(std::ranges::find(clusters_, State::kFrozen, &Cluster::state) -
                                         clusters_.begin()));
      }
      server.Pause();
      Out(index, State::kFrozen);
      break;
    case Blow::kKillBackend: {
      if (!cluster.held) break;
      std::optional<support::Client> witness;
      try {
        witness.emplace(server.Conninfo());
      } catch (const std::runtime_error&) {  // it restarts already
        break;
      }
      const int pid = cluster.held->pid();
      history_.clients.EndAll(index);
      kill(pid, SIGKILL);
      CloseHeld(index);
      // Until the server has noticed it lets clients in, and then ends them with all others.
      if (!support::WaitUntil([&] { return HasEnded(*witness); }))
        throw std::runtime_error("a crash without a restart");
      history_.clients.EndAll(index);
      break;
    }
    case Blow::kTerminate:
      Administer(server, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'tls_exporter'");
      break;
    case Blow::kNewCertificate:
      Install(index, true);
      break;
    case Blow::kOtherAuthority:
      Install(index, false);
      break;
    case Blow::kWrongKey: {  // what is served stays what it is
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
    case Blow::kReconfigure:
      std::swap(configurations_[0], configurations_[1]);
      exporter_.Reconfigure(configurations_[0]);
      break;
  }
}

void Storm::Calm() {
  for (std::size_t i = 0; i < clusters_.size(); ++i) {
    Recover(i);
    Install(i, true);
    downs_ = 0;
    const bool open = support::WaitUntil([&] {
      if (!clusters_[i].held) OpenHeld(i);
      return clusters_[i].held != nullptr;
    });
    if (!open) throw std::runtime_error("after the storm no client can be opened");
  }
}

}  // namespace pgtls::bench
