// What must hold on every page while servers die, freeze and come back under it.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace pgtls::bench {

// Wall-clock seconds, as the page has them.
double Now();

// When unencrypted clients of the user `plain` were open on each cluster, one after the other. Thread-safe.
class Held {
 public:
  struct Span {
    double from;
    std::optional<double> to;  // absent: still open
  };

  explicit Held(std::size_t clusters) : spans_(clusters), attempts_(clusters) {}
  // Before the attempt and after its success.
  void Opening(std::size_t cluster);
  void Opened(std::size_t cluster);
  // Before the client is closed or its server touched: what was seen later says nothing.
  void Closing(std::size_t cluster);
  std::vector<Span> Spans(std::size_t cluster) const;
  int Attempts(std::size_t cluster) const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::vector<Span>> spans_;
  std::vector<int> attempts_;
};

// A page as series → value.
using Series = std::map<std::string, double>;
Series ParseSeries(const std::string& page);

// The sum of all series whose text starts with `prefix`.
double SumOf(const Series& series, const std::string& prefix);

// What was wrong, with the time. Thread-safe; keeps the first hundred.
class Violations {
 public:
  void Add(const std::string& what);
  std::size_t Print() const;  // how many there were

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> first_;
  std::size_t count_ = 0;
};

// Looks at one page after the other, from one thread.
class Watcher {
 public:
  struct Place {
    std::string server;
    std::size_t cluster;
  };

  Watcher(std::vector<Place> places, const Held& held, Violations& violations)
      : places_(std::move(places)), held_(held), violations_(violations), confirmed_(places_.size()) {}

  void Look(const std::string& page);
  // Pages, and how often an open client was found where it had to be.
  std::size_t pages() const { return pages_; }
  std::size_t findings() const { return findings_; }

 private:
  void CountersNeverFall(const Series& series);
  void HeldClientsAreThere(const Series& series);

  std::vector<Place> places_;
  const Held& held_;
  Violations& violations_;
  std::map<std::string, double> counters_;
  std::vector<std::set<std::size_t>> confirmed_;  // for each place, the spans that a collection must have seen
  std::size_t pages_ = 0;
  std::size_t findings_ = 0;
};

}  // namespace pgtls::bench
