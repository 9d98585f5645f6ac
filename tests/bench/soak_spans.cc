#include "tests/bench/soak_spans.h"

#include <chrono>

namespace pgtls::bench {

double Now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

Spans::Attempt Spans::Try(std::size_t cluster, const std::string& what) {
  const std::lock_guard lock(mutex_);
  ++clusters_[cluster].attempts[what];
  return {cluster, what, clusters_[cluster].generation};
}

std::optional<Spans::Id> Spans::Begin(const Attempt& attempt) {
  const std::lock_guard lock(mutex_);
  Cluster& cluster = clusters_[attempt.cluster];
  if (cluster.generation != attempt.generation) return std::nullopt;
  cluster.spans.push_back({attempt.what, Now(), std::nullopt});
  return Id{attempt.cluster, cluster.spans.size() - 1};
}

void Spans::End(const Id& id) {
  const std::lock_guard lock(mutex_);
  Span& span = clusters_[id.cluster].spans[id.index];
  if (!span.to) span.to = Now();
}

void Spans::EndAll(std::size_t cluster) {
  const std::lock_guard lock(mutex_);
  ++clusters_[cluster].generation;
  for (Span& span : clusters_[cluster].spans) {
    if (!span.to) span.to = Now();
  }
}

std::vector<Span> Spans::All(std::size_t cluster) const {
  const std::lock_guard lock(mutex_);
  return clusters_[cluster].spans;
}

std::map<std::string, int> Spans::Attempts(std::size_t cluster) const {
  const std::lock_guard lock(mutex_);
  return clusters_[cluster].attempts;
}

std::optional<std::string> Spans::Current(std::size_t cluster) const {
  const std::lock_guard lock(mutex_);
  const auto& spans = clusters_[cluster].spans;
  return spans.empty() || spans.back().to ? std::nullopt : std::optional(spans.back().what);
}

std::string ClientKey(const std::string& user, const std::string& encryption) { return user + " " + encryption; }

std::string InstalledKey(const InstalledCertificate& certificate) {
  return certificate.fingerprint + (certificate.trusted ? " trusted" : " untrusted");
}

InstalledCertificate ParseInstalled(const std::string& key) {
  const std::size_t space = key.find(' ');
  return {.fingerprint = key.substr(0, space), .trusted = key.substr(space) == " trusted"};
}

}  // namespace pgtls::bench
