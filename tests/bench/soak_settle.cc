#include "tests/bench/soak_settle.h"

#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "collectors/registry.h"
#include "tests/support/files.h"

namespace pgtls::bench {
namespace {

using std::chrono::seconds;

// Six times the longest interval: two runs of everything, and a machine that is busy.
constexpr seconds kPatience{60};
constexpr int kCounted = 5;  // sessions of each kind opened on each cluster, to be counted exactly
constexpr const char* kOneConnection = "the exporter holds one connection to each server";
// The exporter's own connections come and go, and the others of a cluster are foreign to each of its servers.
constexpr const char* kExporter = "tls_exporter";

using Clients = std::map<std::string, double>;  // by ClientKey()

Clients Shown(const Page& page, const std::string& server) {
  Clients clients;
  for (const Sample& sample : page.Of("pg_tls_connections", server)) {
    if (sample.Label("user") == kExporter || sample.Label("network") == "local") continue;
    clients[ClientKey(sample.Label("user"), sample.Label("encryption"))] += sample.value;
  }
  return clients;
}

Clients Open(const support::PostgresServer& server) {
  Clients clients;
  const auto rows = server.Query(
      "SELECT usename, CASE WHEN ssl THEN 'tls' ELSE 'none' END, count(*) FROM pg_stat_activity JOIN pg_stat_ssl USING "
      "(pid) WHERE client_addr IS NOT NULL AND usename <> '" +
      std::string(kExporter) + "' GROUP BY 1, 2");
  for (const auto& row : rows) {
    clients[ClientKey(row.at(0).value(), row.at(1).value())] = std::stod(row.at(2).value());
  }
  return clients;
}

}  // namespace

void Settled::Await(const std::string& what, const std::function<bool(const Page&, int server)>& done) {
  std::set<int> missing;
  for (int i = 0; i < fleet_.size(); ++i) missing.insert(i);
  support::WaitUntil(
      [&] {
        const auto page = watcher_.Look();
        if (page) std::erase_if(missing, [&](int server) { return done(*page, server); });
        return missing.empty();
      },
      kPatience);
  for (const int server : missing) findings_.Violation(what, fleet_.Name(server) + ": never so");
  if (missing.empty()) findings_.Good(what);
}

double Settled::EverythingIsBack() {
  const double calm = Now();
  Await("all collectors succeed and the installed certificate is served", [&](const Page& page, int server) {
    const std::string name = fleet_.Name(server);
    if (page.Value("pg_tls_up", name) != 1) return false;
    for (const auto* collector : collectors::All()) {
      const auto window = page.Collected(name, std::string(collector->name));
      if (!window || window->began < calm) return false;
    }
    const auto installed = history_.certificates.Current(static_cast<std::size_t>(server) % history_.clusters);
    if (!installed) return false;
    const LabelSet leaf = {{"source", "served"}, {"position", "0"}};
    LabelSet right = leaf;
    right["fingerprint_sha256"] = ParseInstalled(*installed).fingerprint;
    return page.Sum("pg_tls_certificate_info", name, leaf) == 1 &&
           page.Sum("pg_tls_certificate_info", name, right) == 1 &&
           page.Value("pg_tls_certificate_verified", name, {{"check", "chain"}}) == 1 &&
           page.Value("pg_tls_certificate_verified", name, {{"check", "hostname"}}) == 1;
  });
  return Now() - calm;
}

void Settled::PagesAreTrue() {
  std::vector<Clients> open;
  for (const auto& cluster : fleet_.clusters()) {
    open.push_back(Open(*cluster));
    if (open.back().empty()) findings_.Violation("every server has clients to compare with");
  }
  Await("the page shows the clients that the server shows", [&](const Page& page, int server) {
    const std::string name = fleet_.Name(server);
    return page.Collected(name, "sessions") &&
           Shown(page, name) == open[static_cast<std::size_t>(server) % open.size()];
  });
}

void Settled::NewSessionsAreCountedOnce() {
  std::vector<support::Client> clients;
  for (const auto& cluster : fleet_.clusters()) {
    for (int i = 0; i < kCounted; ++i) {
      clients.emplace_back(cluster->Conninfo("user=counted sslmode=require"));
      clients.emplace_back(cluster->Conninfo("user=counted sslmode=disable"));
    }
  }
  const double opened = Now() + 1;
  // Whoever counts at every collection has counted too much by the second one.
  std::map<int, double> first;
  Await("new sessions are counted, each once", [&](const Page& page, int server) {
    const std::string name = fleet_.Name(server);
    const auto window = page.Collected(name, "sessions");
    if (!window || window->began < opened) return false;
    const bool again = window->ended > first.emplace(server, window->ended).first->second;
    const auto counted = [&](const std::string& encryption) {
      return page.Sum("pg_tls_sessions_total", name, {{"user", "counted"}, {"encryption", encryption}});
    };
    return again && counted("tls") == kCounted && counted("none") == kCounted;
  });
}

void Settled::NoConnectionIsLeft() {
  for (std::size_t i = 0; i < fleet_.clusters().size(); ++i) {
    int expected = 0;
    for (int server = 0; server < fleet_.size(); ++server) {
      if (static_cast<std::size_t>(server) % fleet_.clusters().size() == i) ++expected;
    }
    int open = 0;
    const bool right = support::WaitUntil(
        [&] {
          open = std::stoi(
              fleet_.clusters()[i]
                  ->Query("SELECT count(*) FROM pg_stat_activity WHERE usename = '" + std::string(kExporter) + "'")
                  .at(0)
                  .at(0)
                  .value());
          return open == expected;
        },
        kPatience);
    if (right) {
      findings_.Good(kOneConnection);
    } else {
      findings_.Violation(kOneConnection, fmt::format("{} connections for {} servers", open, expected));
    }
  }
}

}  // namespace pgtls::bench
