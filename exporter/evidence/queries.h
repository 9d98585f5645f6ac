// What is asked of Prometheus: PromQL on the exporter's own series. No recording rule is needed.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "exporter/evidence/series.h"

namespace pgtls::evidence {

// One that watched a server.
struct Exporter {
  std::string job;
  std::string instance;

  auto operator<=>(const Exporter&) const = default;
};

// The queries about one server, and about one exporter of it. Times are PromQL durations in milliseconds.
class Queries {
 public:
  Queries(std::string_view server, const Exporter& exporter);

  // The exporters, and the most samples that each had within 5 minutes of a `window`.
  static std::string Exporters(std::string_view server, Duration window);
  // All servers that a sample is there of.
  static std::string Servers(Duration window);

  // The time of the latest sample, where all of the server's sessions were known then. `counted`: and the server itself
  // counted them.
  std::string Good(bool counted) const;
  // There where Good() holds, and the log collector does not follow the whole log.
  std::string NotLogged(bool counted) const;
  // When the sessions were last collected.
  std::string Collected() const;
  // Unencrypted connections from other hosts that are not allowed, at most at a time.
  std::string MostOpen(Duration window) const;
  std::string OpenNow() const;
  // When the session counters started at 0.
  std::string CountedSince() const;
  // pg_tls_session_count_losses_total by reason.
  std::string Losses() const;
  // The labels why, part and reason: what was missing for Good().
  std::string WhyNot(bool counted) const;

  // The last value in the `window` of a counter whose name or matchers are `counter`, summed up by these labels.
  std::string LastOf(const std::string& counter, std::string_view by, Duration window) const;
  // The same at one moment.
  std::string NowOf(const std::string& counter, std::string_view by) const;
  // By database: sessions that the server counted and no sample has, at most within the `window`, of points that are
  // `step` apart.
  std::string Missed(Duration window, Duration step) const;
  std::string MissedNow() const;
  // Whether the exporter exported it at any time of the `window`.
  std::string Has(std::string_view metric, Duration window) const;

  // Whom this gauge had within the `window`, and how many at most.
  std::string Clients(std::string_view gauge, Duration window) const;
  std::string ClientsNow(std::string_view gauge) const;
  // The certificates that were served within the `window`; the value is the `bound` of their validity: not_before or
  // not_after.
  std::string Certificates(std::string_view bound, Duration window, Duration step) const;
  // Those with an end; the value is the end.
  std::string Exemptions(Duration window) const;
  // The exemptions that were in force within the `window`.
  std::string ExemptionsInForce(Duration window) const;
  // Whom each exemption allowed within the `window`, and how many connections at most.
  std::string ExemptedClients(Duration window) const;

 private:
  std::string Of(std::string_view metric, std::string_view more = "") const;
  // The session counters; each is required.
  std::string Counts(bool counted) const;

  std::string server_;    // a matcher
  std::string exporter_;  // of this server
  std::string target_;    // of all series of the exporter's scrape
};

// How each figure is obtained: {what, query}, as the document lists them.
std::vector<std::pair<std::string, std::string>> QueryList(std::string_view server);

}  // namespace pgtls::evidence
