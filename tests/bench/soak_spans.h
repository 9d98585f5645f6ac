// What was surely so on a cluster, and from when to when: a client was open, a certificate was in force, it was down.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace pgtls::bench {

// Wall-clock seconds, as the page has them.
double Now();

struct Span {
  std::string what;
  double from;
  std::optional<double> to;  // absent: still so

  // Was it so during all of [from, to]?
  bool Covers(double first, double last) const { return from <= first && (!to || last < *to); }
};

// Thread-safe. A span begins after the fact and ends before it, so that what lies in it was so for certain.
class Spans {
 public:
  struct Attempt {
    std::size_t cluster;
    std::string what;
    int generation;
  };
  struct Id {
    std::size_t cluster;
    std::size_t index;
  };

  explicit Spans(std::size_t clusters) : clusters_(clusters) {}
  // Before what may or may not come true; every attempt is counted.
  Attempt Try(std::size_t cluster, const std::string& what);
  // After it came true. Begins nothing where EndAll() fell in between.
  std::optional<Id> Begin(const Attempt& attempt);
  void End(const Id& id);
  // Before everything on a cluster ceases to be so.
  void EndAll(std::size_t cluster);

  std::vector<Span> All(std::size_t cluster) const;
  std::map<std::string, int> Attempts(std::size_t cluster) const;
  // What the last span says, while it is so.
  std::optional<std::string> Current(std::size_t cluster) const;

 private:
  struct Cluster {
    std::vector<Span> spans;
    std::map<std::string, int> attempts;
    int generation = 0;
  };

  mutable std::mutex mutex_;
  std::vector<Cluster> clusters_;
};

// What the storm writes down and the watcher compares with.
struct History {
  explicit History(std::size_t count) : clusters(count), clients(count), certificates(count), outages(count) {}

  std::size_t clusters;
  Spans clients;       // ClientKey()
  Spans certificates;  // InstalledKey() of what is served
  Spans outages;       // neither old nor new connections are answered
};

std::string ClientKey(const std::string& user, const std::string& encryption);

// A certificate that a server was given, and whether the exporter's root vouches for it.
struct InstalledCertificate {
  std::string fingerprint;  // SHA-256, as the page has it
  bool trusted;
};
std::string InstalledKey(const InstalledCertificate& certificate);
InstalledCertificate ParseInstalled(const std::string& key);

}  // namespace pgtls::bench
