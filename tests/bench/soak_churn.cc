#include "tests/bench/soak_churn.h"

#include <chrono>
#include <random>
#include <stdexcept>

#include "tests/support/http_client.h"

namespace pgtls::bench {
namespace {

using std::chrono::milliseconds;

constexpr const char* kOneServerAlone = "one server's page holds this server alone";
constexpr const char* kAllAreDiscovered = "service discovery names every server";
constexpr const char* kStatusPage = "the status page of a server names it, and is whole";

}  // namespace

Churn::Churn(const Fleet& fleet, History& history, unsigned seed) : history_(history) {
  for (std::size_t i = 0; i < fleet.clusters().size(); ++i) {
    threads_.emplace_back([this, &server = *fleet.clusters()[i], i, each = seed++] { Run(server, i, each); });
  }
}

Churn::~Churn() {
  stop_ = true;
  for (auto& thread : threads_) thread.join();
}

void Churn::Leave(std::list<Visitor>& visitors) {
  if (visitors.front().span) history_.clients.End(*visitors.front().span);
  visitors.pop_front();
}

void Churn::Run(const support::PostgresServer& server, std::size_t cluster, unsigned seed) {
  std::mt19937 random(seed);
  std::list<Visitor> visitors;
  while (!stop_) {
    const int choice = std::uniform_int_distribution<int>(0, 9)(random);
    if (visitors.size() > 10 || (choice < 4 && !visitors.empty())) {
      Leave(visitors);
    } else {
      const bool plain = choice % 2 == 0;
      const auto attempt = history_.clients.Try(cluster, ClientKey("churn", plain ? "none" : "tls"));
      try {
        support::Client client(server.Conninfo(std::string("user=churn sslmode=") + (plain ? "disable" : "require")));
        visitors.push_back({std::move(client), history_.clients.Begin(attempt)});
        visitors.back().client.Query("SELECT count(*) FROM pg_class");
        ++opened_;
      } catch (const std::runtime_error&) {  // it is down
        while (!visitors.empty()) Leave(visitors);
      }
    }
    std::this_thread::sleep_for(milliseconds(std::uniform_int_distribution<int>(0, 200)(random)));
  }
  while (!visitors.empty()) Leave(visitors);
}

Scrapes::Scrapes(const Exporter& exporter, const Fleet& fleet, Findings& findings)
    : exporter_(exporter), fleet_(fleet), findings_(findings) {
  for (const char* what : {kOneServerAlone, kAllAreDiscovered, kStatusPage}) findings_.Expect(what);
  thread_ = std::thread([this] {
    for (int i = 0; !stop_; ++i) {
      try {
        Round(fleet_.Name(i % fleet_.size()));
      } catch (const std::exception& error) {
        findings_.Violation("every request is answered", error.what());
      }
      std::this_thread::sleep_for(milliseconds(100));
    }
  });
}

Scrapes::~Scrapes() {
  stop_ = true;
  thread_.join();
}

void Scrapes::Round(const std::string& server) {
  const auto all_in = [&](const std::string& text) {
    for (int i = 0; i < fleet_.size(); ++i) {
      if (text.find(fleet_.Name(i)) == std::string::npos) return false;
    }
    return true;
  };
  const auto check = [&](bool well, const char* what) {
    well ? findings_.Good(what) : findings_.Violation(what, server);
  };
  const Page page(support::HttpGet(exporter_.port(), "/metrics?server=" + server));
  bool alone = page.Value("pg_tls_up", server).has_value();
  for (int i = 0; i < fleet_.size(); ++i) {
    if (fleet_.Name(i) != server && !page.Of("pg_tls_up", fleet_.Name(i)).empty()) alone = false;
  }
  check(alone, kOneServerAlone);
  check(all_in(support::HttpGet(exporter_.port(), "/sd")), kAllAreDiscovered);
  const std::string status = support::HttpGet(exporter_.port(), "/?server=" + server);
  check(status.find(server) != std::string::npos && status.find("</html>") != std::string::npos, kStatusPage);
}

}  // namespace pgtls::bench
