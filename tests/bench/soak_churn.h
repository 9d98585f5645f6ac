// Load for a soak: clients that come and go, and scrapes of everything that is served.
#pragma once

#include <atomic>
#include <list>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/bench/exporter.h"
#include "tests/bench/fleet.h"
#include "tests/bench/soak_spans.h"
#include "tests/bench/soak_watch.h"

namespace pgtls::bench {

// Clients of the user `churn` that come and go on every cluster, with and without TLS, until the destructor.
class Churn {
 public:
  Churn(const Fleet& fleet, History& history, unsigned seed);
  ~Churn();
  Churn(const Churn&) = delete;
  Churn& operator=(const Churn&) = delete;
  long opened() const { return opened_; }

 private:
  struct Visitor {
    support::Client client;
    std::optional<Spans::Id> span;
  };

  void Run(const support::PostgresServer& server, std::size_t cluster, unsigned seed);
  void Leave(std::list<Visitor>& visitors);

  History& history_;
  std::atomic<bool> stop_{false};
  std::atomic<long> opened_{0};
  std::vector<std::thread> threads_;
};

// Scrapes beside the watched ones, until the destructor: each server by itself, service discovery, the status page.
class Scrapes {
 public:
  Scrapes(const Exporter& exporter, const Fleet& fleet, Findings& findings);
  ~Scrapes();
  Scrapes(const Scrapes&) = delete;
  Scrapes& operator=(const Scrapes&) = delete;

 private:
  void Round(const std::string& server);

  const Exporter& exporter_;
  const Fleet& fleet_;
  Findings& findings_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace pgtls::bench
