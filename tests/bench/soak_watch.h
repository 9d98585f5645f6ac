// What must hold on every page while servers die, freeze and come back under it.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/bench/exporter.h"
#include "tests/bench/soak_findings.h"
#include "tests/bench/soak_page.h"
#include "tests/bench/soak_spans.h"

namespace pgtls::bench {

// Looks at one page after the other, one at a time.
class Watcher {
 public:
  struct Place {
    std::string server;
    std::size_t cluster;
  };

  // Sessions before now are none that the exporter has to count.
  Watcher(std::vector<Place> places, const Exporter& exporter, const History& history, Findings& findings);

  // A storm that is long enough gives occasion to see an old result pass for a success.
  void ExpectLongOutages();
  // The exporter's page, every second time a compressed one, looked at. nullopt where there was none, or it could not
  // be read: a violation.
  std::optional<Page> Look();
  std::size_t pages() const { return pages_; }
  // The most that a result of `sessions` was behind while it passed for good, in seconds.
  double oldest_s() const { return oldest_s_; }

 private:
  // The state of the clusters, read after the page came.
  struct Truth {
    double asked;  // when the page was asked for, and when it had come
    double came;
    std::vector<std::vector<Span>> clients, certificates, outages;  // by cluster
    std::vector<std::map<std::string, int>> attempts;
  };

  void CanBeRead(const std::string& text, const Page& page);
  void ExporterIsWell(const Page& page);
  void CountersNeverFall(const Page& page);
  void HealthIsTold(const Page& page, const Place& place, const Truth& truth);
  void SumsAgree(const Page& page, const Place& place);
  void OutagesAreTold(const Page& page, const Place& place, const Truth& truth);
  void ClientsAreThere(const Page& page, std::size_t place, const Truth& truth);
  void CertificateIsTheOneServed(const Page& page, const Place& place, const Truth& truth);

  std::vector<Place> places_;
  const Exporter& exporter_;
  const History& history_;
  Findings& findings_;
  std::map<std::string, std::string> collector_of_;  // by family
  struct Counter {
    double last;
    std::string family, server;
  };
  std::map<std::string, Counter> counters_;
  std::set<std::string> own_;                 // families
  std::vector<std::vector<bool>> confirmed_;  // by place: spans of clients that a collection must have seen
  std::size_t pages_ = 0;
  double oldest_s_ = 0;
};

}  // namespace pgtls::bench
